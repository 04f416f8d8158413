#include "core/json_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <iterator>

namespace sujip {
namespace {

bool needs_escape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
  }
}

// Where the first byte stands that must be escaped; the size when there is none.
size_t first_escape(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  size_t i = 0;
  // Eight bytes at a time: a byte is below 0x20, or equal to a character, when the subtraction borrows.
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    const uint64_t quote = word ^ (kOnes * '"');
    const uint64_t slash = word ^ (kOnes * '\\');
    const uint64_t hits = ((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
                          ((slash - kOnes) & ~slash);
    if ((hits & kHighs) != 0) break;
  }
  while (i < text.size() && !needs_escape(static_cast<unsigned char>(text[i]))) ++i;
  return i;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (;;) {
    const size_t clean = first_escape(text);
    out.append(text.data(), clean);
    if (clean == text.size()) break;
    append_escape(out, text[clean]);
    text.remove_prefix(clean + 1);
  }
  out += '"';
}

void append_json_name(std::string& out, std::string_view name) {
  if (!out.empty() && out.back() != '{') out += ',';
  append_json_string(out, name);
  out += ':';
}

void append_json_field(std::string& out, std::string_view name, std::string_view text) {
  append_json_name(out, name);
  append_json_string(out, text);
}

void append_json_field(std::string& out, std::string_view name, long long number) {
  append_json_name(out, name);
  fmt::format_to(std::back_inserter(out), "{}", number);
}

}  // namespace sujip
