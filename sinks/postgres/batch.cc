#include "sinks/postgres/batch.h"

#include <utility>

namespace sujip::sink {
namespace {

std::string_view value_of(const rd_kafka_message_t& message) {
  if (message.payload == nullptr) return {};
  return {static_cast<const char*>(message.payload), message.len};
}

bool removes(const Table& table, std::string_view value) {
  return table.shape == Shape::flat ? value.data() == nullptr : looks_like_removal(value);
}

}  // namespace

bool looks_like_removal(std::string_view value) {
  return value.data() == nullptr || value.find("\"op\":\"d\"") != std::string_view::npos;
}

void Batch::add(const Target& target, kafka::MessagePtr message) {
  if (&target != last_target_) {
    last_part_ = &parts_[qualified(target.table)];
    last_part_->target = &target;
    last_target_ = &target;
  }
  const auto index = static_cast<uint32_t>(messages_.size());
  bytes_ += message->len + message->key_len + sizeof(rd_kafka_message_t);
  uint32_t previous = Coalescer::kNone;
  // A record without a key has nothing to be coalesced with; it stands alone and is found bad.
  if (target.table.json_key && message->key != nullptr) {
    const auto [entry, superseded] = last_part_->keys.add(kafka::key_of(*message), index);
    previous = superseded;
    if (superseded != Coalescer::kNone && !entry->removed_before) {
      entry->removed_before = removes(target.table, values_[superseded]);
    }
  } else {
    last_part_->messages.push_back(index);
  }
  ++last_part_->size;
  values_.push_back(value_of(*message));
  messages_.push_back(std::move(message));
  previous_.push_back(previous);
}

void Batch::clear() {
  messages_.clear();
  values_.clear();
  previous_.clear();
  for (auto& [name, part] : parts_) {
    part.keys.clear();
    part.messages.clear();
    part.size = 0;
  }
  bytes_ = 0;
}

}  // namespace sujip::sink
