#include "processors/normalize/plain_copies.h"

#include <simdjson.h>

#include <cstring>

#include "core/json_scan.h"
#include "core/json_text.h"
#include "processors/normalize/convert.h"
#include "processors/normalize/raw_record.h"

namespace sujip::normalize {
namespace {

struct Text {
  const char* at;
  const char* end;

  bool step(char c) { return at != end && *at++ == c; }
  bool literal(std::string_view expected) {
    if (static_cast<size_t>(end - at) < expected.size() || std::memcmp(at, expected.data(), expected.size()) != 0)
      return false;
    at += expected.size();
    return true;
  }
  // Behind its first quote.
  bool string(std::string_view& out) {
    const std::string_view rest(at, static_cast<size_t>(end - at));
    const size_t size = find_json_special(rest);
    if (size == rest.size() || rest[size] != '"') return false;
    out = rest.substr(0, size);
    at += size + 1;
    return true;
  }
  // The same with escapes, but for those by number.
  bool escaped_string(std::string& out) {
    out.clear();
    for (;;) {
      const std::string_view rest(at, static_cast<size_t>(end - at));
      const size_t size = find_json_special(rest);
      if (size + 1 >= rest.size()) return false;
      out.append(rest, 0, size);
      at += size + 1;
      if (rest[size] == '"') return true;
      constexpr std::string_view kLetters = "\"\\/bfnrt";
      const size_t letter = rest[size] == '\\' ? kLetters.find(*at++) : kLetters.npos;
      if (letter == kLetters.npos) return false;
      out += "\"\\/\b\f\n\r\t"[letter];
    }
  }
  // Units of 10^-scale of a number in JSON's form that loses nothing by it.
  bool units(int scale, int64_t& out) {
    const bool negative = at != end && *at == '-';
    if (negative) ++at;
    const char* const first = at;
    uint64_t value = 0;
    const auto digits = [&](int most) {
      int n = 0;
      for (; at != end && *at >= '0' && *at <= '9'; ++at, ++n) value = value * 10 + static_cast<uint64_t>(*at - '0');
      return n > 0 && n <= most;
    };
    constexpr int kMostDigits = 18;
    if (!digits(kMostDigits - scale) || (*first == '0' && at - first > 1)) return false;
    int behind = 0;
    if (at != end && *at == '.') {
      const char* const point = at++;
      if (!digits(scale)) return false;
      behind = static_cast<int>(at - point) - 1;
    }
    for (; behind < scale; ++behind) value *= 10;
    out = negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
    return true;
  }
};

bool read_value(Text& text, RowBuilder& row, int number) {
  if (text.at == text.end) return false;
  const Field& field = row.dataset().fields[static_cast<size_t>(number)];
  if (*text.at == '"') {
    RawValue value{RawValue::Kind::text, {}, {}};
    const char* const start = text.at++;
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
    value.raw = {start, static_cast<size_t>(text.at - start)};
    thread_local std::string reason;
    return set_field(row, number, value, reason);
  }
  if (*text.at == 'n') {
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
  Text text{json.data(), json.data() + json.size()};
  char before = '{';
  for (const auto& guess : guesses.of) {
    const int16_t column = guess.load(std::memory_order_relaxed);
    if (column < 0 || !text.step(before)) return false;
    const auto& [literal, field] = columns_[static_cast<size_t>(column)];
    if (!text.literal(literal) || !read_value(text, row, field) || text.at == text.end) return false;
    if (*text.at == '}') return text.at + 1 == text.end && simdjson::validate_utf8(json.data(), json.size());
    before = ',';
  }
  return false;
}

}  // namespace sujip::normalize
