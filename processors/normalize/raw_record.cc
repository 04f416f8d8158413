#include "processors/normalize/raw_record.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>

#include "core/expressions/arithmetic.h"
#include "core/json_cursor.h"

namespace sujip::normalize {
namespace {

namespace od = simdjson::ondemand;

struct Reader {
  od::parser parser;
  std::string buffer;
};

std::string_view without_blanks(std::string_view t) {
  while (!t.empty() && (t.back() == ' ' || t.back() == '\n' || t.back() == '\r' || t.back() == '\t'))
    t.remove_suffix(1);
  return t;
}

bool is_json_number(std::string_view t) {
  size_t i = !t.empty() && t[0] == '-' ? 1 : 0;
  const auto digits = [&] {
    const size_t start = i;
    while (i < t.size() && t[i] >= '0' && t[i] <= '9') ++i;
    return i - start;
  };
  const size_t first = i;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && t[first] == '0')) return false;
  if (i < t.size() && t[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < t.size() && (t[i] | 0x20) == 'e') {
    ++i;
    if (i < t.size() && (t[i] == '+' || t[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == t.size();
}

// A value that is neither a text nor nested.
bool read_word(std::string_view word, RawValue& out) {
  out.raw = out.text = word;
  if (is_json_number(word)) {
    out.kind = RawValue::Kind::number;
  } else if (word == "null") {
    out.kind = RawValue::Kind::null;
  } else if (word == "true" || word == "false") {
    out.kind = RawValue::Kind::boolean;
  } else {
    return false;
  }
  return true;
}

// Texts without escapes, by far the most, are taken as they stand.
simdjson::error_code read_value(od::value in, RawValue& out) {
  const std::string_view token = in.raw_json_token();
  switch (token.empty() ? '\0' : token[0]) {
    case '"': {
      const std::string_view quoted = without_blanks(token);
      out.kind = RawValue::Kind::text;
      out.raw = quoted;
      if (quoted.size() < 2 || quoted.back() != '"') return simdjson::STRING_ERROR;
      if (std::memchr(quoted.data(), '\\', quoted.size()) == nullptr) {
        out.text = quoted.substr(1, quoted.size() - 2);
        return simdjson::SUCCESS;
      }
      return in.get_string().get(out.text);
    }
    case '{': {
      out.kind = RawValue::Kind::nested;
      od::object object;
      if (const auto e = in.get_object().get(object)) return e;
      if (const auto e = object.raw_json().get(out.raw)) return e;
      out.raw = without_blanks(out.raw);
      return simdjson::SUCCESS;
    }
    case '[': {
      out.kind = RawValue::Kind::nested;
      od::array array;
      if (const auto e = in.get_array().get(array)) return e;
      if (const auto e = array.raw_json().get(out.raw)) return e;
      out.raw = without_blanks(out.raw);
      return simdjson::SUCCESS;
    }
    default:
      break;
  }
  return read_word(without_blanks(token), out) ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
}

Error not_json(simdjson::error_code code) {
  return {fmt::format("the record is not a JSON object: {}", simdjson::error_message(code)), "", ""};
}

}  // namespace

bool read_plain_fields(std::string_view json, std::vector<RawField>& out) {
  out.clear();
  JsonCursor text(json);
  for (char before = '{';; before = ',') {
    RawField& field = out.emplace_back();
    RawValue& value = field.value;
    if (!text.character(before) || !text.string(field.name) || !text.character(':')) return false;
    if (text.string(value.text)) {
      value.kind = RawValue::Kind::text;
      value.raw = {value.text.data() - 1, value.text.size() + 2};
    } else if (std::string_view word; !text.word(word) || !read_word(word, value)) {
      return false;
    }
    if (text.next() == '}') break;
  }
  return text.rest().size() == 1 && simdjson::validate_utf8(json.data(), json.size());
}

Status read_fields(std::string_view json, std::vector<RawField>& out) {
  if (read_plain_fields(json, out)) return {};
  out.clear();
  thread_local Reader reader;
  const size_t needed = json.size() + simdjson::SIMDJSON_PADDING;
  if (reader.buffer.size() < needed) reader.buffer.resize(needed + needed / 2);
  std::memcpy(reader.buffer.data(), json.data(), json.size());
  // The parser looks behind the text when it says what is wrong: what stood there before is no part of this record.
  std::memset(reader.buffer.data() + json.size(), 0, simdjson::SIMDJSON_PADDING);
  od::document document;
  od::object object;
  if (const auto e = reader.parser.iterate(reader.buffer.data(), json.size(), reader.buffer.size()).get(document))
    return not_json(e);
  if (const auto e = document.get_object().get(object)) return not_json(e);
  for (auto item : object) {
    od::field entry;
    if (const auto e = std::move(item).get(entry)) return not_json(e);
    const char* start = entry.key().raw();
    // A key ends at its quote; one with an escape before it is decoded.
    const char* end = start;
    while (*end != '"' && *end != '\\') ++end;
    RawField& field = out.emplace_back();
    field.name = std::string_view(start, static_cast<size_t>(end - start));
    if (*end == '\\')
      if (const auto e = entry.unescaped_key().get(field.name)) return not_json(e);
    if (const auto e = read_value(entry.value(), field.value)) return not_json(e);
  }
  const char* rest = nullptr;
  if (document.current_location().get(rest) == simdjson::SUCCESS)
    return Error{"the record is not a JSON object: text behind it", "", ""};
  return {};
}

Status check_nested(const RawValue& value) {
  if (value.kind != RawValue::Kind::nested) return {};
  // Its own parser: the views of the record stay alive.
  if (const auto parsed = parse_json(value.raw); !parsed.ok()) return parsed.error();
  return {};
}

Value to_value(const RawValue& raw) {
  switch (raw.kind) {
    case RawValue::Kind::absent:
      return {};
    case RawValue::Kind::null:
      return Value::null();
    case RawValue::Kind::boolean:
      return Value(raw.text == "true");
    case RawValue::Kind::number:
      if (const auto number = parse_rounded(raw.text)) return Value(*number);
      return Value(raw.text);
    case RawValue::Kind::text:
      return Value(raw.text);
    case RawValue::Kind::nested: {
      auto parsed = parse_json(raw.raw);
      return parsed.ok() ? std::move(*parsed) : Value();
    }
  }
  return {};
}

}  // namespace sujip::normalize
