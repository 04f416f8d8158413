#pragma once
// Records for one partition of one topic, collected to be handed to the client together: the client's
// locks, clocks and look-ups are then paid once for all of them (a third of the cost of a record).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sujip::kafka {

class RecordBatch {
 public:
  struct Record {
    uint32_t key_size = 0;
    uint32_t value_size = 0;
    bool tombstone = false;
  };

  // Both are copied. `value` nullopt: a tombstone.
  void add(std::string_view key, std::optional<std::string_view> value) {
    bytes_ += key;
    if (value) bytes_ += *value;
    records_.push_back(
        {static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value ? value->size() : 0), !value.has_value()});
  }
  void clear() {
    bytes_.clear();
    records_.clear();
  }
  bool empty() const { return records_.empty(); }
  // Key and value of each record, one behind the other.
  const std::string& bytes() const { return bytes_; }
  const std::vector<Record>& records() const { return records_; }

 private:
  std::string bytes_;
  std::vector<Record> records_;
};

}  // namespace sujip::kafka
