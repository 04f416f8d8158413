#pragma once
// The first byte of a text that cannot stand in a JSON string as it is: a quote, a backslash, or below 0x20.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sujip {

inline bool is_json_special(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

// Its place; the size when there is none.
inline size_t find_json_special(std::string_view text) {
  const char* const begin = text.data();
  size_t i = 0;
#ifdef __SSE2__
  const auto hits = [&](size_t at) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash))));
  };
  for (; i + 16 <= text.size(); i += 16)
    if (const unsigned found = hits(i); found != 0) return i + static_cast<size_t>(std::countr_zero(found));
  if (text.size() >= 16 && i < text.size()) {
    // The rest once more with what stands before it, which has none.
    const unsigned found = hits(text.size() - 16);
    return found == 0 ? text.size() : text.size() - 16 + static_cast<size_t>(std::countr_zero(found));
  }
#endif
  // Eight bytes at a time: a byte is below 0x20, or equal to a character, when the subtraction borrows.
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, begin + i, 8);
    const uint64_t quote = word ^ (kOnes * '"');
    const uint64_t slash = word ^ (kOnes * '\\');
    const uint64_t found = ((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash);
    if ((found & kHighs) != 0) break;
  }
  while (i < text.size() && !is_json_special(static_cast<unsigned char>(begin[i]))) ++i;
  return i;
}

}  // namespace sujip
