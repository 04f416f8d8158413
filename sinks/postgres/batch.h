#pragma once
// What one writer collected since its last flush: messages, coalesced per key. Plain data, no I/O.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/kafka/client.h"
#include "core/kafka/message.h"
#include "sinks/postgres/coalescer.h"
#include "sinks/postgres/table.h"

namespace sujip::sink {

// What the records of a topic become.
enum class Role : uint8_t { change, product_change, rollup, scope_run, run_log, dead_letter };

struct Target {
  Role role = Role::change;
  Table table;
};

// True for a tombstone and for a change with "op":"d". May be true for other values that hold this
// text: being wrong on that side costs a statement, never a row.
bool looks_like_removal(std::string_view value);

class Batch {
 public:
  struct Part {
    const Target* target = nullptr;
    Coalescer keys;                  // of targets with a JSON key
    std::vector<uint32_t> messages;  // of the others: all, in order
    size_t size = 0;                 // messages
  };

  void add(const Target& target, kafka::MessagePtr message);
  void clear();
  bool empty() const { return messages_.empty(); }
  size_t size() const { return messages_.size(); }
  size_t bytes() const { return bytes_; }
  const rd_kafka_message_t& message(uint32_t i) const { return *messages_[i]; }
  // data() is null for a tombstone, and only then.
  std::string_view value(uint32_t i) const { return values_[i]; }
  // The message before this one with the same key; Coalescer::kNone when it is the first.
  uint32_t previous(uint32_t i) const { return previous_[i]; }
  // By table name, so that every transaction takes its locks in the same order.
  std::map<std::string, Part>& parts() { return parts_; }

 private:
  std::vector<kafka::MessagePtr> messages_;
  std::vector<std::string_view> values_;  // of the messages: reading it touches none of them
  std::vector<uint32_t> previous_;
  std::map<std::string, Part> parts_;
  Part* last_part_ = nullptr;
  const Target* last_target_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace sujip::sink
