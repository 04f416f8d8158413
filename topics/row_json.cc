#include "topics/row_json.h"

#include <charconv>

#include "core/calendar.h"
#include "core/decimal.h"
#include "core/json_text.h"
#include "core/short_bytes.h"

namespace sujip {
namespace {

// Most bytes of a value as JSON, a JSON text that is kept as it stands included.
size_t value_room(const FieldValue& v) { return kDecimalRoom + json_room(v.text); }

char* write_value(char* to, const Field& field, const FieldValue& v) {
  if (!v.present) return copy_short(to, "null");
  switch (field.type) {
    case FieldType::string:
      return write_json_string(to, v.text);
    case FieldType::json:
      return copy_short(to, v.text);
    case FieldType::integer:
      return std::to_chars(to, to + kDecimalRoom, v.number).ptr;
    case FieldType::decimal:
      return write_decimal(to, v.number, field.scale);
    case FieldType::boolean:
      return copy_short(to, v.number != 0 ? "true" : "false");
    case FieldType::date:
      *to++ = '"';
      to = Day{static_cast<int32_t>(v.number)}.write(to);
      *to++ = '"';
      return to;
    case FieldType::timestamp:
      *to++ = '"';
      to = write_utc(to, v.number);
      *to++ = '"';
      return to;
  }
  return to;
}

// A field with what stands before it, but for the brace of the first.
char* write_field(char* to, const Field& field, const FieldValue& v) {
  to = copy_short(to, field.json_name);
  return write_value(to, field, v);
}

// Room for the worst case is made once.
template <class Write>
void append(std::string& out, size_t room, const Write& write) {
  const size_t start = out.size();
  out.resize(start + room);
  out.resize(static_cast<size_t>(write(out.data() + start) - out.data()));
}

}  // namespace

size_t row_json_room(const Dataset& dataset, const std::vector<FieldValue>& row) {
  size_t room = 2;
  for (size_t i = 0; i < row.size(); ++i) room += 1 + dataset.fields[i].json_name.size() + value_room(row[i]);
  return room;
}

char* write_key_json(char* to, const Dataset& dataset, const std::vector<FieldValue>& row) {
  char before = '{';
  for (const int i : dataset.key) {
    *to++ = before;
    to = write_field(to, dataset.fields[static_cast<size_t>(i)], row[static_cast<size_t>(i)]);
    before = ',';
  }
  *to++ = '}';
  return to;
}

char* RowJsonWriter::write(char* to, const Dataset& dataset, const std::vector<FieldValue>& row) {
  dataset_ = &dataset;
  row_ = &row;
  text_ = to;
  ends_.resize(row.size());
  char before = '{';
  for (size_t i = 0; i < row.size(); ++i) {
    *to++ = before;
    to = write_field(to, dataset.fields[i], row[i]);
    ends_[i] = static_cast<uint32_t>(to - text_);
    before = ',';
  }
  *to++ = '}';
  return to;
}

char* RowJsonWriter::write_like(char* to, const std::vector<FieldValue>& row) {
  for (size_t i = 0; i < row.size();) {
    const size_t first = i;
    while (i < row.size() && row[i] == (*row_)[i]) ++i;
    if (i > first) {
      const uint32_t start = first == 0 ? 0 : ends_[first - 1];
      to = copy_short(to, {text_ + start, ends_[i - 1] - start});
      continue;
    }
    *to++ = i == 0 ? '{' : ',';
    to = write_field(to, dataset_->fields[i], row[i]);
    ++i;
  }
  *to++ = '}';
  return to;
}

void append_value_json(std::string& out, const Field& field, const FieldValue& v) {
  append(out, value_room(v), [&](char* to) { return write_value(to, field, v); });
}

std::string value_text(const Field& field, const FieldValue& value) {
  if (!value.present) return {};
  if (field.type == FieldType::string || field.type == FieldType::json) return std::string(value.text);
  std::string out;
  append_value_json(out, field, value);
  if (!out.empty() && out.front() == '"') return out.substr(1, out.size() - 2);
  return out;
}

void append_row_json(std::string& out, const Dataset& dataset, const std::vector<FieldValue>& row) {
  append(out, row_json_room(dataset, row), [&](char* to) { return RowJsonWriter().write(to, dataset, row); });
}

void append_key_json(std::string& out, const Dataset& dataset, const std::vector<FieldValue>& row) {
  append(out, row_json_room(dataset, row), [&](char* to) { return write_key_json(to, dataset, row); });
}

}  // namespace sujip
