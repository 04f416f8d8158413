#include "core/json_cursor.h"

namespace sujip {
namespace {

bool ends_number(char c) { return c == ',' || c == '}' || c == ']'; }

// Behind the string that begins at `at`; nullptr when it does not end.
const char* behind_string(const char* at, const char* end) {
  for (++at; at < end; ++at) {
    if (*at == '"') return at + 1;
    if (*at == '\\') ++at;
  }
  return nullptr;
}

}  // namespace

bool JsonCursor::string(std::string_view& out) {
  if (at_ == end_ || *at_ != '"') return false;
  const char* const start = at_ + 1;
  const auto* quote = static_cast<const char*>(std::memchr(start, '"', static_cast<size_t>(end_ - start)));
  if (quote == nullptr) return false;
  out = {start, static_cast<size_t>(quote - start)};
  // A quote behind a backslash is not its end, and what stands before it is not what it means.
  if (!out.empty() && std::memchr(start, '\\', out.size()) != nullptr) return false;
  at_ = quote + 1;
  return true;
}

bool JsonCursor::number(std::string_view& out) {
  const char* p = at_;
  while (p < end_ && !ends_number(*p)) ++p;
  if (p == at_ || !((*at_ >= '0' && *at_ <= '9') || *at_ == '-')) return false;
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
        case '[': ++depth; break;
        case '}':
        case ']': --depth; break;
        default: break;
      }
      ++p;
    } while (depth > 0);
  } else {
    while (p < end_ && !ends_number(*p)) ++p;
    if (p == at_) return false;
  }
  if (p == nullptr) return false;
  out = {at_, static_cast<size_t>(p - at_)};
  at_ = p;
  return true;
}

bool JsonCursor::find(std::string_view text) {
  const void* const found = memmem(at_, static_cast<size_t>(end_ - at_), text.data(), text.size());
  if (found == nullptr) return false;
  at_ = static_cast<const char*>(found) + text.size();
  return true;
}

}  // namespace sujip
