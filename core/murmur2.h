#pragma once
// The partitioner of Kafka's Java client (murmur2, seed 0x9747b28c, sign bit cleared), so that other
// clients agree on the partition of a key.

#include <cstdint>
#include <string_view>

namespace sujip {
uint32_t murmur2(std::string_view key);
int32_t partition_of(std::string_view key, int32_t partitions);
}  // namespace sujip
