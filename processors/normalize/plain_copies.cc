#include "processors/normalize/plain_copies.h"

#include <simdjson.h>

#include "core/json_cursor.h"
#include "core/json_text.h"
#include "processors/normalize/convert.h"
#include "processors/normalize/raw_record.h"

namespace sujip::normalize {
namespace {

bool read_value(JsonCursor& text, RowBuilder& row, int number) {
  const Field& field = row.dataset().fields[static_cast<size_t>(number)];
  if (text.next() == '"') {
    RawValue value{RawValue::Kind::text, {}, {}};
    const char* const start = text.at();
    if (!text.string(value.text)) {
      thread_local std::string unescaped;
      if (field.type != FieldType::string || !text.escaped_string(unescaped)) return false;
      row.set_text(number, unescaped);
      return true;
    }
    if (field.type == FieldType::string) {
      row.set_text_view(number, value.text);
      return true;
    }
    value.raw = {start, static_cast<size_t>(text.at() - start)};
    thread_local std::string reason;
    return set_field(row, number, value, reason);
  }
  if (text.next() == 'n') {
    row.set_null(number);
    return text.literal("null");
  }
  if (field.type != FieldType::integer && field.type != FieldType::decimal) return false;
  int64_t units = 0;
  if (!text.units(field.type == FieldType::decimal ? field.scale : 0, units)) return false;
  row.set_number(number, units);
  return true;
}

}  // namespace

void PlainCopies::add(std::string_view column, int field) {
  Column made{"", field};
  append_json_name(made.literal, column);
  columns_.push_back(std::move(made));
}

bool PlainCopies::read(std::string_view json, const ColumnGuesses& guesses, RowBuilder& row) const {
  row.clear();
  JsonCursor text(json);
  char before = '{';
  for (const auto& guess : guesses.of) {
    const int16_t column = guess.load(std::memory_order_relaxed);
    if (column < 0 || !text.character(before)) return false;
    const auto& [literal, field] = columns_[static_cast<size_t>(column)];
    if (!text.literal(literal) || !read_value(text, row, field)) return false;
    if (text.next() == '}') return text.rest().size() == 1 && simdjson::validate_utf8(json.data(), json.size());
    before = ',';
  }
  return false;
}

}  // namespace sujip::normalize
