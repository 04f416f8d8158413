#pragma once
// Decoded rows of one table, ready to be written. They are kept as the lines that COPY takes, so
// that a large batch is sent as it lies here; small ones are taken apart again into arrays.

#include <cstdint>
#include <memory>
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

  // Takes the first `columns` of the cells; there may be more.
  void add(std::span<const Cell> cells, RowOrigin origin);
  void clear();  // keeps its memory for the next batch
  size_t size() const { return origins_.size(); }
  bool empty() const { return origins_.empty(); }

  bool is_null(size_t row, size_t column) const;
  std::string text(size_t row, size_t column) const;  // "" for null
  // The same as it lies here, as COPY writes it.
  std::string_view escaped(size_t row, size_t column) const;
  RowOrigin origin(size_t row) const { return origins_[row]; }

  // COPY lines of rows that stand side by side, each with its newline.
  std::string_view lines(size_t from, size_t count) const;
  // Appends an array literal of one column over some rows: {"a","b",NULL}.
  void append_array(std::string& out, size_t column, std::span<const uint32_t> rows) const;

 private:
  struct Slot {
    static constexpr uint32_t kNull = UINT32_MAX;
    static constexpr uint32_t kPlain = 1U << 31;  // of `size`: not escaped, nothing to escape
    uint32_t at = 0;
    uint32_t size = 0;  // escaped
  };
  const Slot& slot(size_t row, size_t column) const { return slots_[row * columns_ + column]; }
  char* room(size_t bytes);

  size_t columns_;
  // Not a std::string: that would write zeroes over memory which is filled right after.
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  std::vector<Slot> slots_;
  std::vector<uint32_t> starts_;  // of the lines
  std::vector<RowOrigin> origins_;
};

// Appends `text` as an element of an array literal.
void append_array_element(std::string& out, std::string_view text);
// As PostgreSQL writes a text[].
std::string array_of(const std::vector<std::string>& texts);

}  // namespace sujip::sink
