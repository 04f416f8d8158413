#pragma once
// Rows of a dataset as JSON, fields in declared order.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "topics/row.h"

namespace sujip {

// JSON object of all fields, nulls included.
void append_row_json(std::string& out, const Dataset& dataset, const std::vector<FieldValue>& row);
// JSON object of the key fields.
void append_key_json(std::string& out, const Dataset& dataset, const std::vector<FieldValue>& row);
// One value as JSON.
void append_value_json(std::string& out, const Field& field, const FieldValue& value);
// One value as plain text (a string unquoted), for scope slices and rollup dimensions.
std::string value_text(const Field& field, const FieldValue& value);

// Writes rows into memory that has room for row_json_room() of each. Two rows that are nearly the same, the states of
// one row before and after a change, cost little more than one: what is equal in the second is copied from the text of
// the first.
class RowJsonWriter {
 public:
  // Both return the end. write_like(): of the same dataset as the last write(), whose row and text are still there.
  char* write(char* to, const Dataset& dataset, const std::vector<FieldValue>& row);
  char* write_like(char* to, const std::vector<FieldValue>& row);

 private:
  const Dataset* dataset_ = nullptr;
  const std::vector<FieldValue>* row_ = nullptr;
  const char* text_ = nullptr;
  std::vector<uint32_t> ends_;  // of each field in the text
};

// Most bytes of the row, or of its key alone, as JSON.
size_t row_json_room(const Dataset& dataset, const std::vector<FieldValue>& row);
// Into memory of as many bytes; returns the end.
char* write_key_json(char* to, const Dataset& dataset, const std::vector<FieldValue>& row);

}  // namespace sujip
