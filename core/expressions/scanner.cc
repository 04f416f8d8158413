#include "core/expressions/scanner.h"

#include <array>

namespace sujip::expressions {
namespace {

bool letter(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool digit(char c) { return c >= '0' && c <= '9'; }

// The text of a quoted literal starting at `at`; false when it does not end.
bool quoted(std::string_view source, size_t& at, std::string& out) {
  const char quote = source[at++];
  while (at < source.size()) {
    const char c = source[at++];
    if (c == quote) return true;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at == source.size()) return false;
    const char e = source[at++];
    switch (e) {
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case 'r':
        out += '\r';
        break;
      case '\\':
      case '\'':
      case '"':
        out += e;
        break;
      default:
        // Unknown escapes stay, so that regular expressions can be written plainly.
        out += '\\';
        out += e;
    }
  }
  return false;
}

}  // namespace

Token next_token(std::string_view source, size_t& at) {
  while (at < source.size() && (source[at] == ' ' || (source[at] >= '\t' && source[at] <= '\r'))) ++at;
  Token token;
  token.at = at;
  if (at == source.size()) return token;
  const size_t start = at;
  const char c = source[at];
  if (letter(c)) {
    while (at < source.size() && (letter(source[at]) || digit(source[at]))) ++at;
    token.kind = Token::Kind::name;
  } else if (digit(c)) {
    token.kind = Token::Kind::integer;
    while (at < source.size() && (digit(source[at]) || source[at] == '_')) ++at;
    if (at + 1 < source.size() && source[at] == '.' && digit(source[at + 1])) {
      token.kind = Token::Kind::real;
      ++at;
      while (at < source.size() && digit(source[at])) ++at;
    }
    if (at + 1 < source.size() && (source[at] | 0x20) == 'e') {
      size_t e = at + 1;
      if (source[e] == '+' || source[e] == '-') ++e;
      if (e < source.size() && digit(source[e])) {
        token.kind = Token::Kind::real;
        at = e;
        while (at < source.size() && digit(source[at])) ++at;
      }
    }
    if (at < source.size() && letter(source[at])) token.kind = Token::Kind::bad;
  } else if (c == '\'' || c == '"') {
    token.kind = quoted(source, at, token.text) ? Token::Kind::text : Token::Kind::bad;
  } else {
    static constexpr std::array<std::string_view, 6> kTwo = {"==", "!=", "<=", ">=", "//", "**"};
    token.kind = Token::Kind::op;
    at = start + 1;
    for (const std::string_view two : kTwo)
      if (source.substr(start, 2) == two) at = start + 2;
    if (std::string_view("=<>+-*/%~|.,:()[]{}!").find(c) == std::string_view::npos) token.kind = Token::Kind::bad;
  }
  token.raw = source.substr(start, at - start);
  return token;
}

}  // namespace sujip::expressions
