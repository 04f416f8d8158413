#pragma once
// Words of an expression. Internal to core/expressions.

#include <cstdint>
#include <string>
#include <string_view>

namespace sujip::expressions {

struct Token {
  enum class Kind : uint8_t { name, integer, real, text, op, end, bad };
  Kind kind = Kind::end;
  std::string_view raw;  // as it is written
  std::string text;      // of texts: without quotes and escapes
  size_t at = 0;         // offset in the template
};

// The token at or behind `at`; `at` moves behind it. `bad` for an open quote or a stray character.
Token next_token(std::string_view source, size_t& at);

}  // namespace sujip::expressions
