#pragma once
// Copies and comparisons of texts that mostly are short, where a call costs more than the work: two words that overlap
// in the middle cover 8 to 16 bytes, and so on. Nothing outside of the texts is touched.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sujip {

// `to` must have room for all of `bytes`, and must not overlap them; returns the end.
inline char* copy_short(char* to, std::string_view bytes) {
  const char* const from = bytes.data();
  const size_t size = bytes.size();
  const auto both_ends = [&]<size_t kPart> {
    char first[kPart];
    char last[kPart];
    std::memcpy(first, from, kPart);
    std::memcpy(last, from + size - kPart, kPart);
    std::memcpy(to, first, kPart);
    std::memcpy(to + size - kPart, last, kPart);
  };
  if (size > 32)
    std::memcpy(to, from, size);
  else if (size > 16)
    both_ends.template operator()<16>();
  else if (size >= 8)
    both_ends.template operator()<8>();
  else if (size >= 4)
    both_ends.template operator()<4>();
  else
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
  return to + size;
}

// Whether the `size` bytes at both places are the same.
inline bool equal_short(const char* a, const char* b, size_t size) {
  const auto word = [](const char* at) {
    uint64_t out = 0;
    std::memcpy(&out, at, 8);
    return out;
  };
  if (size > 32) return std::memcmp(a, b, size) == 0;
  if (size >= 8) {
    const size_t last = size - 8;
    for (size_t i = 0; i < last; i += 8)
      if (word(a + i) != word(b + i)) return false;
    return word(a + last) == word(b + last);
  }
  for (size_t i = 0; i < size; ++i)
    if (a[i] != b[i]) return false;
  return true;
}

}  // namespace sujip
