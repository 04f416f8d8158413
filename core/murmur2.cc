#include "core/murmur2.h"

#include <cstring>

namespace sujip {

// Austin Appleby's MurmurHash2 in the variant that org.apache.kafka.common.utils.Utils.murmur2 names.
uint32_t murmur2(std::string_view key) {
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  uint32_t hash = 0x9747b28cU ^ static_cast<uint32_t>(key.size());
  size_t at = 0;
  for (; at + 4 <= key.size(); at += 4) {
    uint32_t word;
    std::memcpy(&word, key.data() + at, 4);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = hash * kMultiplier ^ word;
  }
  const size_t rest = key.size() - at;
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(key[at + i])); };
  if (rest >= 3) hash ^= byte(2) << 16;
  if (rest >= 2) hash ^= byte(1) << 8;
  if (rest >= 1) {
    hash ^= byte(0);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

int32_t partition_of(std::string_view key, int32_t partitions) {
  return static_cast<int32_t>(murmur2(key) & 0x7fffffffU) % partitions;
}

}  // namespace sujip
