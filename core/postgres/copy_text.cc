#include "core/postgres/copy_text.h"

#include <cstring>

namespace sujip::pg {
namespace {

constexpr bool special(char c) { return c == '\t' || c == '\n' || c == '\r' || c == '\\'; }

}  // namespace

bool append_copy_text(std::string& out, std::string_view text) {
  if (text.empty()) return true;
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) return false;
  size_t from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!special(text[i])) continue;
    out.append(text, from, i - from);
    out += '\\';
    switch (text[i]) {
      case '\t': out += 't'; break;
      case '\n': out += 'n'; break;
      case '\r': out += 'r'; break;
      default: out += '\\';
    }
    from = i + 1;
  }
  out.append(text, from);
  return true;
}

}  // namespace sujip::pg
