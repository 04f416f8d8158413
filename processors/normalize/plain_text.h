#pragma once
// A walk over the JSON of records without blanks. What stands there in another form is not an error of the text: a step
// that does not fit returns false, and the record is read by a parser.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/json_scan.h"

namespace sujip::normalize {

struct PlainText {
  const char* at;
  const char* end;

  bool step(char c) { return at != end && *at++ == c; }
  bool literal(std::string_view expected) {
    if (static_cast<size_t>(end - at) < expected.size() || std::memcmp(at, expected.data(), expected.size()) != 0)
      return false;
    at += expected.size();
    return true;
  }
  // Behind its first quote; no escapes.
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

}  // namespace sujip::normalize
