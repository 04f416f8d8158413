#include "core/postgres/copy_text.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace sujip::pg {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

// The high bit of the lowest byte that is below 0x20 or a backslash is set; bytes above it may be
// wrong.
uint64_t unclean_bytes(uint64_t word) {
  const uint64_t slash = word ^ (kOnes * '\\');
  return (((word - kOnes * 0x20) & ~word) | ((slash - kOnes) & ~slash)) & kHighs;
}

}  // namespace

size_t clean_length(std::string_view text) {
  size_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; i + 8 <= text.size(); i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, text.data() + i, 8);
      if (const uint64_t found = unclean_bytes(word)) {
        return i + static_cast<size_t>(std::countr_zero(found)) / 8;
      }
    }
  }
  for (; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < 0x20 || text[i] == '\\') break;
  }
  return i;
}

char* write_copy_text(char* out, std::string_view text) {
  while (!text.empty()) {
    const size_t clean = clean_length(text);
    std::memcpy(out, text.data(), clean);
    out += clean;
    if (clean == text.size()) break;
    switch (const char c = text[clean]) {
      case '\t':
        *out++ = '\\', *out++ = 't';
        break;
      case '\n':
        *out++ = '\\', *out++ = 'n';
        break;
      case '\r':
        *out++ = '\\', *out++ = 'r';
        break;
      case '\\':
        *out++ = '\\', *out++ = '\\';
        break;
      default:
        *out++ = c;
    }
    text.remove_prefix(clean + 1);
  }
  return out;
}

bool append_copy_text(std::string& out, std::string_view text) {
  if (text.empty()) return true;
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) return false;
  const size_t at = out.size();
  out.resize(at + 2 * text.size());
  out.resize(static_cast<size_t>(write_copy_text(out.data() + at, text) - out.data()));
  return true;
}

}  // namespace sujip::pg
