#include "core/expressions/parser.h"

#include <fmt/format.h>

#include "core/expressions/expression_parser.h"

namespace sujip::expressions {
namespace {

void strip_end(std::string& text) {
  while (!text.empty() && (text.back() == ' ' || (text.back() >= '\t' && text.back() <= '\r'))) text.pop_back();
}

}  // namespace

std::string place(std::string_view text, size_t column) {
  constexpr size_t kShown = 120;
  const bool cut = text.size() > kShown;
  return fmt::format("template `{}{}`, column {}", text.substr(0, kShown), cut ? "..." : "", column);
}

Status parse_template(CompiledTemplate& out, const std::vector<std::string>& names) {
  std::string_view source = out.text;
  // Jinja drops one line end at the end of a template.
  if (source.ends_with('\n')) source.remove_suffix(1);
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out.segments.push_back({std::move(literal), nullptr});
    literal.clear();
  };
  size_t at = 0;
  bool strip_next = false;
  while (at < source.size()) {
    const size_t open = source.find('{', at);
    const size_t stop = open == source.npos ? source.size() : open;
    std::string_view text = source.substr(at, stop - at);
    if (strip_next) {
      const size_t first = text.find_first_not_of(" \t\r\n\v\f");
      if (first == text.npos)
        text = {};
      else {
        text.remove_prefix(first);
        strip_next = false;
      }
    }
    literal += text;
    at = stop;
    if (open == source.npos) break;
    const char next = open + 1 < source.size() ? source[open + 1] : '\0';
    if (next != '{' && next != '%' && next != '#') {
      literal += '{';
      ++at;
      strip_next = false;
      continue;
    }
    const bool strip_before = open + 2 < source.size() && source[open + 2] == '-';
    if (strip_before) strip_end(literal);
    if (next == '#') {
      const size_t end = source.find("#}", open + 2);
      if (end == source.npos)
        return Error{"unexpected the end of the template", place(out.text, open + 1), "allowed: #}"};
      strip_next = source[end - 1] == '-';
      at = end + 2;
      continue;
    }
    if (next == '%')
      return Error{"statements ({% if %}, {% set %}, {% for %}) are not supported", place(out.text, open + 1),
                   "allowed: {{ a if condition else b }}"};
    ExpressionParser parser(source, out.names, names);
    at = open + (strip_before ? 3 : 2);
    NodePtr node = parser.read(at, strip_next);
    if (!node) return Error{parser.error(), place(out.text, parser.error_at() + 1), parser.hint()};
    flush();
    out.segments.push_back({"", std::move(node)});
  }
  flush();
  return Status::success();
}

}  // namespace sujip::expressions
