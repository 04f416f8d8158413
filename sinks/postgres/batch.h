#pragma once
// What one writer collected since its last flush: messages, coalesced per key, and how far each
// partition got. Plain data, no I/O.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/kafka/client.h"
#include "core/kafka/message.h"
#include "sinks/postgres/table.h"

namespace sujip::sink {

// What the records of a topic become.
enum class Role : uint8_t { change, product_change, rollup, scope_run, run_log, dead_letter };

struct Target {
  Role role = Role::change;
  Table table;
};

// The last message of each key, in order of the keys. Keys are compared as bytes: the topic's keys are
// canonical JSON, so equal rows have equal keys.
class Coalescer {
 public:
  struct Entry {
    std::string_view key;  // points into the message
    uint32_t message = 0;  // index of the last one
    bool removed_before = false;  // an earlier message of the batch removed the row
    uint64_t hash = 0;
  };

  // `removes`: this message is a tombstone or a delete.
  void add(std::string_view key, uint32_t message, bool removes);
  size_t size() const { return entries_.size(); }
  // Sorts in place; call it once, at the end.
  std::vector<Entry>& sorted();
  void clear();

 private:
  void grow();
  std::vector<Entry> entries_;
  std::vector<bool> removes_;  // of each entry's last message
  std::vector<uint32_t> slots_;  // open addressing: entry index + 1
};

// True for a tombstone and for a change with "op":"d". May be true for other values that hold this
// text: being wrong on that side costs a statement, never a row.
bool looks_like_removal(std::string_view value);

class Batch {
 public:
  struct Part {
    const Target* target = nullptr;
    Coalescer keys;                  // of targets with a JSON key
    std::vector<uint32_t> messages;  // all, in order
  };

  void add(const Target& target, kafka::MessagePtr message);
  void clear();
  bool empty() const { return messages_.empty(); }
  size_t size() const { return messages_.size(); }
  size_t bytes() const { return bytes_; }
  const rd_kafka_message_t& message(uint32_t i) const { return *messages_[i]; }
  // By table name, so that every transaction takes its locks in the same order.
  std::map<std::string, Part>& parts() { return parts_; }

 private:
  std::vector<kafka::MessagePtr> messages_;
  std::map<std::string, Part> parts_;
  Part* last_part_ = nullptr;
  const Target* last_target_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace sujip::sink
