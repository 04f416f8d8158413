#include "processors/entity/change_reader.h"

#include <algorithm>

#include "core/calendar.h"
#include "core/json_cursor.h"

namespace sujip {
namespace {

// The value of one field, as append_value_json writes it.
bool read_value(JsonCursor& at, const Field& field, int number, RowBuilder& row) {
  std::string_view text;
  int64_t units = 0;
  switch (field.type) {
    case FieldType::string:
      if (!at.string(text)) return false;
      row.set_text_view(number, text);
      return true;
    case FieldType::json:
      if (!at.value(text)) return false;
      row.set_text_view(number, text);
      return true;
    case FieldType::integer:
    case FieldType::decimal:
      if (!at.units(field.type == FieldType::decimal ? field.scale : 0, units)) return false;
      row.set_number(number, units);
      return true;
    case FieldType::boolean:
      if (at.literal("true"))
        row.set_number(number, 1);
      else if (at.literal("false"))
        row.set_number(number, 0);
      else
        return false;
      return true;
    case FieldType::date: {
      if (!at.string(text)) return false;
      const auto day = Day::parse(text);
      if (!day) return false;
      row.set_number(number, day->since_epoch);
      return true;
    }
    case FieldType::timestamp: {
      if (!at.string(text)) return false;
      const auto time = parse_time(text, 0);
      if (!time) return false;
      row.set_number(number, *time);
      return true;
    }
  }
  return false;
}

bool read_row(JsonCursor& at, const Dataset& dataset, RowBuilder& row) {
  row.clear();
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    const Field& field = dataset.fields[i];
    if (!at.character(i == 0 ? '{' : ',') || !at.literal(field.json_name)) return false;
    if (!at.literal("null") && !read_value(at, field, static_cast<int>(i), row)) return false;
  }
  return at.character('}');
}

bool has_json(const Dataset& dataset) {
  return std::any_of(dataset.fields.begin(), dataset.fields.end(),
                     [](const Field& field) { return field.type == FieldType::json; });
}

}  // namespace

bool read_change(const Dataset& dataset, std::string_view event, RowBuilder& row, ReadChange& out) {
  JsonCursor at(event);
  std::string_view skipped;
  if (!at.literal(R"({"before":)")) return false;
  // Only a delete's is needed, and that is seen behind it.
  JsonCursor before = at;
  // Quotes inside of a text are escaped, so a name with its quotes is no text's. It may be a name in a field of JSON.
  if (has_json(dataset) || at.next() == 'n') {
    if (!at.value(skipped) || !at.literal(R"(,"after":)")) return false;
  } else if (!at.find(R"(},"after":)")) {
    return false;
  }
  out.deleted = at.literal("null");
  if (!read_row(out.deleted ? before : at, dataset, row)) return false;
  if (!at.literal(out.deleted ? R"(,"op":"d",)" : R"(,"op":")")) return false;
  return at.find(R"(,"scope":)") && at.string(out.subject) && at.find(R"(,"rev":)") && at.units(0, out.rev);
}

}  // namespace sujip
