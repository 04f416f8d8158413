#pragma once
// Decoded rows of one table, ready to be written: as COPY lines or as arrays.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/postgres/decode.h"
#include "sinks/postgres/table.h"

namespace sujip::sink {

// Where a row came from, for dead letters.
struct RowOrigin {
  uint32_t message = 0;  // index into the batch's messages
};

class Rows {
 public:
  explicit Rows(size_t columns) : columns_(columns) {}

  void add(const std::vector<Cell>& cells, RowOrigin origin);
  void clear();
  size_t size() const { return origins_.size(); }
  bool empty() const { return origins_.empty(); }
  Cell cell(size_t row, size_t column) const;
  RowOrigin origin(size_t row) const { return origins_[row]; }

  // Appends one COPY line of the row.
  void append_copy_line(std::string& out, size_t row) const;
  // Appends an array literal of one column over some rows: {"a","b",NULL}.
  void append_array(std::string& out, size_t column, std::span<const uint32_t> rows) const;

 private:
  struct Slot {
    uint32_t at = 0;
    uint32_t size = 0;
    static constexpr uint32_t kNull = UINT32_MAX;
  };
  size_t columns_;
  std::string bytes_;
  std::vector<Slot> slots_;
  std::vector<RowOrigin> origins_;
};

// Appends `text` as an element of an array literal.
void append_array_element(std::string& out, std::string_view text);

}  // namespace sujip::sink
