#pragma once
// The way of nearly all records: fields that are copied, in the order of the record before, without blanks and nesting.
// Such a record goes from its text into the row in one step.

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "topics/row.h"

namespace sujip::normalize {

// Which column stood at a position of the last record: records of one source look alike. Only a guess, so relaxed
// access by many threads is fine.
struct ColumnGuesses {
  static constexpr size_t kCount = 64;
  std::array<std::atomic<int16_t>, kCount> of{};
  ColumnGuesses() {
    for (auto& guess : of) guess.store(-1, std::memory_order_relaxed);
  }
};

class PlainCopies {
 public:
  // Columns in the order of the numbers that guesses name; each goes into one field.
  void add(std::string_view column, int field);

  // Fills the row. False when the record is of another form, or wrong: nothing is said about it then, and the row is
  // to be filled in another way.
  bool read(std::string_view json, const ColumnGuesses& guesses, RowBuilder& row) const;

 private:
  struct Column {
    std::string literal;  // `"name":`
    int field;
  };
  std::vector<Column> columns_;
};

}  // namespace sujip::normalize
