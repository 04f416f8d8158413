#include "processors/normalize/convert.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "core/calendar.h"
#include "core/decimal.h"
#include "core/expressions/conversions.h"
#include "core/expressions/datetime.h"

namespace sujip::normalize {
namespace {

const Field& declared(const RowBuilder& row, int field) { return row.dataset().fields[static_cast<size_t>(field)]; }

std::string expected(const Field& field) {
  switch (field.type) {
    case FieldType::string:
      return "a text";
    case FieldType::integer:
      return "a whole number";
    case FieldType::decimal:
      return fmt::format("a decimal with at most {} digits behind the point", field.scale);
    case FieldType::boolean:
      return "true or false";
    case FieldType::date:
      return "a date like 2026-10-01";
    case FieldType::timestamp:
      return "a time with zone like 2026-10-01T08:26:00Z";
    case FieldType::json:
      return "JSON";
  }
  return "";
}

bool refuse(const RowBuilder& row, int field, std::string_view value, std::string& reason) {
  const Field& f = declared(row, field);
  reason = fmt::format("field {}: '{}' is not {}", f.name, preview(value), expected(f));
  return false;
}

bool has_zone(std::string_view t) {
  return !t.empty() && (t.back() == 'Z' || t.back() == 'z' || t.find_first_of("+-", 11) != t.npos);
}

}  // namespace

std::string preview(std::string_view text) {
  constexpr size_t kShown = 60;
  if (text.size() <= kShown) return std::string(text);
  size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

bool set_number(RowBuilder& row, int field, const Decimal& value, std::string& reason) {
  const Field& f = declared(row, field);
  if (f.type == FieldType::string) {
    row.set_text(field, value.str());
    return true;
  }
  if (f.type == FieldType::json) {
    row.set_text(field, value.str());
    return true;
  }
  if (f.type == FieldType::boolean) {
    const auto bit = value.to_int64();
    if (!bit || (*bit != 0 && *bit != 1)) return refuse(row, field, value.str(), reason);
    row.set_number(field, *bit);
    return true;
  }
  if (f.type == FieldType::date) return set_text(row, field, value.str(), reason);
  if (f.type == FieldType::timestamp) return refuse(row, field, value.str(), reason);
  const auto scaled = value.rescaled(f.type == FieldType::decimal ? f.scale : 0);
  if (!scaled || scaled->units > INT64_MAX || scaled->units < INT64_MIN) return refuse(row, field, value.str(), reason);
  row.set_number(field, static_cast<int64_t>(scaled->units));
  return true;
}

bool set_text(RowBuilder& row, int field, std::string_view text, std::string& reason) {
  const Field& f = declared(row, field);
  if (f.type == FieldType::string) {
    if (std::memchr(text.data(), '\0', text.size()) != nullptr) {
      reason = fmt::format("field {}: the text holds a NUL character", f.name);
      return false;
    }
    row.set_text(field, text);
    return true;
  }
  if (f.type == FieldType::json) {
    std::string json;
    append_json(json, Value(text));
    row.set_text(field, json);
    return true;
  }
  int64_t number = 0;
  if (f.type == FieldType::integer || f.type == FieldType::decimal) {
    const int scale = f.type == FieldType::decimal ? f.scale : 0;
    if (parse_units(text, scale, number)) {
      row.set_number(field, number);
      return true;
    }
  }
  text = trimmed(text);
  if (text.empty()) {
    row.set_null(field);
    return true;
  }
  switch (f.type) {
    case FieldType::integer:
    case FieldType::decimal: {
      const auto decimal = Decimal::parse(text);
      return decimal ? set_number(row, field, *decimal, reason) : refuse(row, field, text, reason);
    }
    case FieldType::boolean:
      if (text != "true" && text != "false" && text != "0" && text != "1") return refuse(row, field, text, reason);
      row.set_number(field, text == "true" || text == "1" ? 1 : 0);
      return true;
    case FieldType::date: {
      auto day = Day::parse(text);
      if (!day) day = Day::parse_compact(text);
      if (!day) return refuse(row, field, text, reason);
      row.set_number(field, day->since_epoch);
      return true;
    }
    case FieldType::timestamp: {
      const auto at = has_zone(text) ? parse_time(text, 0) : std::nullopt;
      if (!at) return refuse(row, field, text, reason);
      row.set_number(field, *at);
      return true;
    }
    default:
      return refuse(row, field, text, reason);
  }
}

bool set_field(RowBuilder& row, int field, const RawValue& value, std::string& reason) {
  const FieldType type = declared(row, field).type;
  if (!value.has_value()) {
    row.set_null(field);
    return true;
  }
  if (type == FieldType::json) {
    if (value.kind == RawValue::Kind::nested) {
      if (const Status s = check_nested(value); !s.ok()) return refuse(row, field, value.raw, reason);
    }
    if (value.raw.find("\\u0000") != value.raw.npos) {
      reason = fmt::format("field {}: the text holds a NUL character", declared(row, field).name);
      return false;
    }
    row.set_text_view(field, value.raw);
    return true;
  }
  switch (value.kind) {
    case RawValue::Kind::nested:
      return refuse(row, field, value.raw, reason);
    case RawValue::Kind::boolean:
      if (type == FieldType::boolean) {
        row.set_number(field, value.text == "true" ? 1 : 0);
        return true;
      }
      if (type == FieldType::string) {
        row.set_text(field, value.text);
        return true;
      }
      return refuse(row, field, value.text, reason);
    case RawValue::Kind::number:
      // As text a number keeps its own digits; a point in time has no bare number.
      if (type == FieldType::timestamp) return refuse(row, field, value.text, reason);
      return set_text(row, field, value.text, reason);
    default:
      // Nearly all texts of nearly all rows: they stay where they are.
      if (type == FieldType::string && std::memchr(value.text.data(), '\0', value.text.size()) == nullptr) {
        row.set_text_view(field, value.text);
        return true;
      }
      return set_text(row, field, value.text, reason);
  }
}

bool set_field(RowBuilder& row, int field, const Value& value, std::string& reason) {
  const FieldType type = declared(row, field).type;
  switch (value.kind()) {
    case Value::Kind::undefined:
    case Value::Kind::null:
      row.set_null(field);
      return true;
    case Value::Kind::number:
      return set_number(row, field, value.number(), reason);
    case Value::Kind::string:
      return set_text(row, field, value.string(), reason);
    case Value::Kind::boolean:
      if (type == FieldType::boolean) {
        row.set_number(field, value.boolean() ? 1 : 0);
        return true;
      }
      break;
    case Value::Kind::datetime:
      if (type == FieldType::timestamp) {
        const int64_t micros = value.datetime().micros;
        row.set_number(field, micros >= 0 ? micros / 1000 : (micros - 999) / 1000);
        return true;
      }
      if (type == FieldType::date) return set_text(row, field, strftime_text(value.datetime(), "%Y-%m-%d"), reason);
      break;
    default:
      break;
  }
  if (type == FieldType::json) {
    row.set_text(field, to_json(value));
    return true;
  }
  if (type == FieldType::string && !value.is_list() && !value.is_object()) {
    row.set_text(field, value.is_bool() ? (value.boolean() ? "true" : "false") : python_text(value));
    return true;
  }
  return refuse(row, field, to_json(value), reason);
}

}  // namespace sujip::normalize
