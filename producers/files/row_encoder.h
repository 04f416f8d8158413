#pragma once
// A row of a file -> the key and the JSON value of its raw record.

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "producers/files/csv_reader.h"

namespace sujip::feeds {

// Counts equal hashes: which occurrence is this one? Open addressing, 16 bytes a slot, because a file
// can have millions of rows.
class Occurrences {
 public:
  // 0 for the first, 1 for the second …
  uint32_t next(uint64_t hash);
  void clear();

 private:
  struct Slot {
    uint64_t hash;
    uint32_t count;
  };
  void grow();
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

class RowEncoder {
 public:
  // `columns`: names in order of the file. `key`: column names; empty: the n-th equal row. The error
  // names a key column that isn't there.
  static Result<RowEncoder> create(const std::vector<std::string>& columns, const std::vector<std::string>& key);

  // Appends {"name":"cell",…} to `json` and the record key to `key`.
  void encode(const CsvRow& row, std::string& json, std::string& key);

 private:
  std::vector<std::string> prefixes_;  // {"first":  ,"second":
  std::vector<size_t> key_;
  Occurrences occurrences_;
};

// Header cells -> column names: trimmed, jamo composed, empty ones numbered, repeated ones made
// unique ("price", "price_2").
std::vector<std::string> column_names(std::span<const std::string_view> header);

}  // namespace sujip::feeds
