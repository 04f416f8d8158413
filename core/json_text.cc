#include "core/json_text.h"

#include <fmt/format.h>

#include <iterator>

#include "core/json_scan.h"
#include "core/short_bytes.h"

namespace sujip {
namespace {

char* write_escape(char* to, char c) {
  const auto pair = [&](char letter) {
    *to++ = '\\';
    *to++ = letter;
    return to;
  };
  switch (c) {
    case '"':
    case '\\':
      return pair(c);
    case '\n':
      return pair('n');
    case '\r':
      return pair('r');
    case '\t':
      return pair('t');
    case '\b':
      return pair('b');
    case '\f':
      return pair('f');
    default:
      return fmt::format_to(to, "\\u{:04x}", static_cast<unsigned>(c));
  }
}

}  // namespace

char* write_json_string(char* to, std::string_view text) {
  *to++ = '"';
  for (;;) {
    const size_t clean = find_json_special(text);
    to = copy_short(to, text.substr(0, clean));
    if (clean == text.size()) break;
    to = write_escape(to, text[clean]);
    text.remove_prefix(clean + 1);
  }
  *to++ = '"';
  return to;
}

void append_json_string(std::string& out, std::string_view text) {
  const size_t clean = find_json_special(text);
  if (clean == text.size()) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  const size_t start = out.size();
  out.resize(start + json_room(text));
  out.resize(static_cast<size_t>(write_json_string(out.data() + start, text) - out.data()));
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
