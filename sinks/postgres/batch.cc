#include "sinks/postgres/batch.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace sujip::sink {

bool looks_like_removal(std::string_view value) {
  return value.data() == nullptr || value.find("\"op\":\"d\"") != std::string_view::npos;
}

void Coalescer::add(std::string_view key, uint32_t message, bool removes) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const uint64_t hash = XXH3_64bits(key.data(), key.size());
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    if (slots_[at] == 0) {
      slots_[at] = static_cast<uint32_t>(entries_.size() + 1);
      entries_.push_back({key, message, false, hash});
      removes_.push_back(removes);
      return;
    }
    const size_t index = slots_[at] - 1;
    Entry& entry = entries_[index];
    if (entry.hash != hash || entry.key != key) continue;
    entry.removed_before = entry.removed_before || removes_[index];
    entry.message = message;
    entry.key = key;
    removes_[index] = removes;
    return;
  }
}

void Coalescer::grow() {
  const size_t size = slots_.empty() ? 64 : slots_.size() * 2;
  slots_.assign(size, 0);
  const size_t mask = size - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t at = entries_[i].hash & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = static_cast<uint32_t>(i + 1);
  }
}

std::vector<Coalescer::Entry>& Coalescer::sorted() {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });
  // The index no longer matches; nothing may be added from here on.
  slots_.clear();
  removes_.clear();
  return entries_;
}

void Coalescer::clear() {
  entries_.clear();
  removes_.clear();
  std::fill(slots_.begin(), slots_.end(), 0U);
}

void Batch::add(const Target& target, kafka::MessagePtr message) {
  if (&target != last_target_) {
    // Two targets may share a table: run.log and the loads of scope.run both end in run_log.
    last_part_ = &parts_[target.table.name];
    last_part_->target = &target;
    last_target_ = &target;
  }
  const auto index = static_cast<uint32_t>(messages_.size());
  bytes_ += message->len + message->key_len + sizeof(rd_kafka_message_t);
  if (target.table.json_key) {
    last_part_->keys.add(kafka::key_of(*message), index,
                         looks_like_removal({static_cast<const char*>(message->payload),
                                             message->payload == nullptr ? 0 : message->len}));
  }
  last_part_->messages.push_back(index);
  messages_.push_back(std::move(message));
}

void Batch::clear() {
  messages_.clear();
  for (auto& [name, part] : parts_) {
    part.keys.clear();
    part.messages.clear();
  }
  bytes_ = 0;
}

}  // namespace sujip::sink
