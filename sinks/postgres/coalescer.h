#pragma once
// The last message of each key. Keys are compared as bytes: a topic's keys are canonical JSON, so
// equal rows have equal keys.

#include <cstdint>
#include <string_view>
#include <vector>

#include "sinks/postgres/key_store.h"

namespace sujip::sink {

class Coalescer {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Entry {
    std::string_view key;         // valid until clear()
    uint32_t message = 0;         // index of the last one
    bool removed_before = false;  // an earlier message of the batch removed the row
    uint64_t hash = 0;
  };
  struct Added {
    Entry* entry = nullptr;       // valid until the next call
    uint32_t superseded = kNone;  // the message that was the key's last one until now
  };

  Added add(std::string_view key, uint32_t message);
  size_t size() const { return entries_.size(); }
  // In order of the keys' bytes. Call it once, at the end: nothing may be added from here on.
  const std::vector<Entry>& sorted();
  void clear();

 private:
  void grow();

  KeyStore store_;
  std::vector<Entry> entries_;
  std::vector<Entry> sorted_;
  std::vector<uint32_t> slots_;  // open addressing: entry index + 1
};

}  // namespace sujip::sink
