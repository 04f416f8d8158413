#include "core/json_cursor.h"

namespace sujip {
namespace {

bool ends_word(char c) { return c == ',' || c == '}' || c == ']'; }

// Behind the string that begins at `at`; nullptr when it does not end.
const char* behind_string(const char* at, const char* end) {
  for (++at; at < end; ++at) {
    if (*at == '"') return at + 1;
    if (*at == '\\') ++at;
  }
  return nullptr;
}

}  // namespace

bool JsonCursor::escaped_string(std::string& out) {
  if (at_ == end_ || *at_ != '"') return false;
  out.clear();
  for (const char* p = at_ + 1;;) {
    const std::string_view rest(p, static_cast<size_t>(end_ - p));
    const size_t size = find_json_special(rest);
    if (size == rest.size()) return false;
    out.append(rest, 0, size);
    p += size + 1;
    if (rest[size] == '"') {
      at_ = p;
      return true;
    }
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    const size_t letter = rest[size] == '\\' && p != end_ ? kLetters.find(*p++) : kLetters.npos;
    if (letter == kLetters.npos) return false;
    out += "\"\\/\b\f\n\r\t"[letter];
  }
}

bool JsonCursor::units(int scale, int64_t& out) {
  const char* p = at_;
  const bool negative = p != end_ && *p == '-';
  if (negative) ++p;
  const char* const first = p;
  uint64_t value = 0;
  const auto digits = [&](int most) {
    int n = 0;
    for (; p != end_ && *p >= '0' && *p <= '9'; ++p, ++n) value = value * 10 + static_cast<uint64_t>(*p - '0');
    return n > 0 && n <= most;
  };
  constexpr int kMostDigits = 18;
  if (!digits(kMostDigits - scale) || (*first == '0' && p - first > 1)) return false;
  int behind = 0;
  if (p != end_ && *p == '.') {
    const char* const point = p++;
    if (!digits(scale)) return false;
    behind = static_cast<int>(p - point) - 1;
  }
  for (; behind < scale; ++behind) value *= 10;
  out = negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
  at_ = p;
  return true;
}

bool JsonCursor::word(std::string_view& out) {
  const char* p = at_;
  while (p < end_ && !ends_word(*p)) ++p;
  if (p == at_) return false;
  out = {at_, static_cast<size_t>(p - at_)};
  at_ = p;
  return true;
}

bool JsonCursor::value(std::string_view& out) {
  if (at_ == end_) return false;
  const char* p = at_;
  if (*p == '"') {
    p = behind_string(p, end_);
  } else if (*p == '{' || *p == '[') {
    int depth = 0;
    do {
      if (p == end_) return false;
      switch (*p) {
        case '"':
          p = behind_string(p, end_);
          if (p == nullptr) return false;
          continue;
        case '{':
        case '[':
          ++depth;
          break;
        case '}':
        case ']':
          --depth;
          break;
        default:
          break;
      }
      ++p;
    } while (depth > 0);
  } else {
    return word(out);
  }
  if (p == nullptr) return false;
  out = {at_, static_cast<size_t>(p - at_)};
  at_ = p;
  return true;
}

bool JsonCursor::find(std::string_view text) {
  // memchr looks at many bytes at once, memmem does not.
  for (const char* p = at_; static_cast<size_t>(end_ - p) >= text.size(); ++p) {
    p = static_cast<const char*>(std::memchr(p, text.front(), static_cast<size_t>(end_ - p) - text.size() + 1));
    if (p == nullptr) return false;
    if (!equal_short(p, text.data(), text.size())) continue;
    at_ = p + text.size();
    return true;
  }
  return false;
}

}  // namespace sujip
