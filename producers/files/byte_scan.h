#pragma once
// Finding the few bytes that matter in a lot of text, 16 at a time where the machine can.

#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sujip::feeds {

// A bit for each of the 64 bytes at `p` that equals one of up to four values.
class ByteSet {
 public:
  ByteSet(char a, char b, char c, char d) : values_{a, b, c, d} {}

  uint64_t find64(const char* p) const {
#ifdef __SSE2__
    return find16(p) | find16(p + 16) << 16 | find16(p + 32) << 32 | find16(p + 48) << 48;
#else
    uint64_t mask = 0;
    for (unsigned i = 0; i < 64; ++i) {
      const char c = p[i];
      const bool hit = c == values_[0] || c == values_[1] || c == values_[2] || c == values_[3];
      mask |= static_cast<uint64_t>(hit) << i;
    }
    return mask;
#endif
  }

 private:
#ifdef __SSE2__
  uint64_t find16(const char* p) const {
    __m128i bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    const __m128i ab = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(values_[0])),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(values_[1])));
    const __m128i cd = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(values_[2])),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(values_[3])));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(ab, cd)));
  }
#endif
  char values_[4];
};

// True when the 16 bytes at `p` can stand in a JSON string as they are.
inline bool plain_json16(const char* p) {
#ifdef __SSE2__
  __m128i bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  // unsigned "less than 0x20": min(byte, 0x1f) == byte
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i special =
      _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
  return _mm_movemask_epi8(_mm_or_si128(control, special)) == 0;
#else
  for (int i = 0; i < 16; ++i) {
    const auto c = static_cast<unsigned char>(p[i]);
    if (c < 0x20 || c == '"' || c == '\\') return false;
  }
  return true;
#endif
}

}  // namespace sujip::feeds
