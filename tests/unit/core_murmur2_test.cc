// Expected hashes are those Kafka's own UtilsTest states for the Java client.

#include <gtest/gtest.h>

#include "core/murmur2.h"

namespace sujip {
namespace {

TEST(Murmur2, AgreesWithTheJavaClient) {
  const auto hash = [](std::string_view key) { return static_cast<int32_t>(murmur2(key)); };
  EXPECT_EQ(hash("21"), -973932308);
  EXPECT_EQ(hash("foobar"), -790332482);
  EXPECT_EQ(hash("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(hash("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(hash("abc"), 479470107);
}

// The client clears the sign bit, then takes the remainder: never the remainder of a negative number.
TEST(Murmur2, PartitionsOfNegativeHashes) {
  EXPECT_EQ(partition_of("21", 6), (-973932308 & 0x7fffffff) % 6);
  EXPECT_EQ(partition_of("foobar", 5), (-790332482 & 0x7fffffff) % 5);
  EXPECT_EQ(partition_of("abc", 1), 0);
  for (int i = 0; i < 1000; ++i) {
    const int32_t p = partition_of(std::to_string(i), 6);
    EXPECT_TRUE(p >= 0 && p < 6) << i;
  }
}

}  // namespace
}  // namespace sujip
