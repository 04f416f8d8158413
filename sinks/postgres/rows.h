#pragma once
// Decoded rows of one table, ready to be written: column by column, as the arrays of a statement
// take them, so that a batch is sent as it lies here.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/postgres/decode.h"
#include "sinks/postgres/elements.h"
#include "sinks/postgres/table.h"
#include "sinks/postgres/wire.h"

namespace sujip::sink {

// Where a row came from, for dead letters.
struct RowOrigin {
  uint32_t message = 0;  // index into the batch's messages
};

class Rows {
 public:
  explicit Rows(const Table& table);

  // Takes the cells of the table's columns; there may be more.
  void add(std::span<const Cell> cells, RowOrigin origin);
  void clear();  // keeps its memory for the next batch
  size_t size() const { return origins_.size(); }
  bool empty() const { return origins_.empty(); }

  bool is_null(size_t row, size_t column) const { return columns_[column].sent.is_null(row); }
  // What the cell said; "" for null. Valid until something is added.
  std::string_view text(size_t row, size_t column) const;
  RowOrigin origin(size_t row) const { return origins_[row]; }

  // Per column whether it is sent as text: its type's form isn't written here, or a value of these
  // rows is none that we read. The server makes values of texts.
  TextColumns text_columns() const;
  // A binary array of a column over some rows (ascending): in place when that is all, else in `room`.
  std::string_view array(size_t column, std::span<const uint32_t> rows, std::string& room) const;
  // Appends a row as COPY's binary format has it. No column may be sent as text.
  void append_tuple(std::string& out, size_t row) const;

 private:
  struct Column {
    Wire wire = Wire::text;
    bool fits = true;  // all values are in `sent` as the wire has them
    Elements sent;
    Elements texts;  // of a wire that is no text
    const Elements& said() const { return is_text(wire) ? sent : texts; }
    bool as_text() const { return wire == Wire::none || !fits; }
  };

  std::vector<Column> columns_;
  std::vector<RowOrigin> origins_;
};

// Appends `text` as an element of an array literal.
void append_array_element(std::string& out, std::string_view text);
// As PostgreSQL writes a text[].
std::string array_of(const std::vector<std::string>& texts);

}  // namespace sujip::sink
