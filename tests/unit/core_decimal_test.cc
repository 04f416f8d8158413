#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>

#include "core/decimal.h"

namespace sujip {
namespace {

std::string parsed(std::string_view text) {
  const auto d = Decimal::parse(text);
  return d ? d->str() : "none";
}

TEST(Decimal, ReadsPlainAndExponentNotation) {
  EXPECT_EQ(parsed("12"), "12");
  EXPECT_EQ(parsed("-0.50"), "-0.5");
  EXPECT_EQ(parsed("+3"), "3");
  EXPECT_EQ(parsed("1e3"), "1000");
  EXPECT_EQ(parsed("1.5E-2"), "0.015");
  EXPECT_EQ(parsed("0.000"), "0");
  EXPECT_EQ(parsed("-0"), "0");
  EXPECT_EQ(parsed("9747747.934"), "9747747.934");
  EXPECT_EQ(parsed("0e999"), "0");
  EXPECT_EQ(parsed("0.000000000000000001"), "0.000000000000000001");
  EXPECT_EQ(parsed("10e-19"), "0.000000000000000001");
  EXPECT_EQ(parsed("9999999999999999999999999999999999999"), "9999999999999999999999999999999999999");
}

TEST(Decimal, RefusesWhatIsNotAnExactNumber) {
  for (const char* text : {"",
                           "-",
                           "+",
                           ".",
                           "e3",
                           "1e",
                           "1e+",
                           " 1",
                           "1 ",
                           "1,000",
                           "1.2.3",
                           "0x10",
                           "NaN",
                           "inf",
                           "--1",
                           "1e-19",
                           "0.0000000000000000001",
                           "1e1001",
                           "1e38",
                           "99999999999999999999999999999999999999",
                           "1-",
                           "\xef\xbc\x91"})
    EXPECT_EQ(parsed(text), "none") << text;
}

TEST(Decimal, TextAndValueAreOne) {
  EXPECT_TRUE(rc::check("str() is read back as the same value, and is as short as can be", [](int64_t n, int64_t m) {
    const int scale = *rc::gen::inRange(0, Decimal::kMaxScale + 1);
    const Decimal d{static_cast<Int128>(n) * 100000000 + m % 100000000, scale};
    const std::string text = d.str();
    const auto back = Decimal::parse(text);
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == d);
    RC_ASSERT(back->str() == text);
    if (text.find('.') != text.npos) RC_ASSERT(text.back() != '0' && text.back() != '.');
    RC_ASSERT(text.find_first_not_of("-0123456789.") == text.npos);
    RC_ASSERT(text != "-0");
  }));
}

TEST(Decimal, AddsSubtractsMultipliesAsWholeNumbersDo) {
  EXPECT_TRUE(rc::check([](int32_t a, int32_t b) {
    const int sa = *rc::gen::inRange(0, 7);
    const int sb = *rc::gen::inRange(0, 7);
    Int128 pa = 1;
    Int128 pb = 1;
    for (int i = sa; i < 6; ++i) pa *= 10;
    for (int i = sb; i < 6; ++i) pb *= 10;
    const Decimal x{a, sa};
    const Decimal y{b, sb};
    // Everything in millionths.
    RC_ASSERT((x + y == Decimal{a * pa + b * pb, 6}));
    RC_ASSERT((x - y == Decimal{a * pa - b * pb, 6}));
    RC_ASSERT((x * y == Decimal{a * pa * b * pb, 12}));
    RC_ASSERT(x + y - y == x);
    RC_ASSERT((x < y) == (a * pa < b * pb));
    RC_ASSERT((x == y) == (a * pa == b * pb));
  }));
}

TEST(Decimal, SumsOfMillionsLoseNothing) {
  std::mt19937_64 random(7);
  Decimal sum;
  Int128 expected = 0;
  for (int i = 0; i < 100000; ++i) {
    const auto units = static_cast<int64_t>(random());
    sum = sum + Decimal{units, 4};
    expected += units;
  }
  EXPECT_TRUE((sum == Decimal{expected, 4}));
}

TEST(Decimal, RoundsHalvesAwayFromZero) {
  const auto rounded = [](std::string_view text, int digits) { return Decimal::parse(text)->rounded(digits).str(); };
  EXPECT_EQ(rounded("0.5", 0), "1");
  EXPECT_EQ(rounded("-0.5", 0), "-1");
  EXPECT_EQ(rounded("1.5", 0), "2");
  EXPECT_EQ(rounded("2.5", 0), "3");
  EXPECT_EQ(rounded("0.49999", 0), "0");
  EXPECT_EQ(rounded("-1.005", 2), "-1.01");
  EXPECT_EQ(rounded("1.004999", 2), "1");
  EXPECT_EQ(rounded("7", 3), "7");
}

TEST(Decimal, DividesToTheWantedDigit) {
  const auto ratio = [](std::string_view a, std::string_view b, int scale) {
    return divide(*Decimal::parse(a), *Decimal::parse(b), scale).str();
  };
  EXPECT_EQ(ratio("1", "3", 4), "0.3333");
  EXPECT_EQ(ratio("2", "3", 4), "0.6667");
  EXPECT_EQ(ratio("-1", "8", 2), "-0.13");
  EXPECT_EQ(ratio("1", "-8", 2), "-0.13");
  EXPECT_EQ(ratio("0.001", "1000", 3), "0");
  EXPECT_EQ(ratio("12.5", "0.05", 0), "250");
}

TEST(Decimal, RescalingNeverDropsDigits) {
  EXPECT_TRUE(Decimal::parse("1.50")->rescaled(1)->units == 15);
  EXPECT_TRUE(Decimal::parse("1.5")->rescaled(4)->units == 15000);
  EXPECT_FALSE(Decimal::parse("1.55")->rescaled(1));
  EXPECT_FALSE(Decimal::parse("1234567890123456789012345678901234567")->rescaled(9));
  EXPECT_EQ(Decimal::parse("12.0")->to_int64(), 12);
  EXPECT_FALSE(Decimal::parse("12.5")->to_int64());
  EXPECT_EQ(Decimal::parse("-9223372036854775808")->to_int64(), INT64_MIN);
  EXPECT_FALSE(Decimal::parse("9223372036854775808")->to_int64());
  EXPECT_TRUE(Decimal::parse("3.00")->is_integer());
  EXPECT_FALSE(Decimal::parse("3.01")->is_integer());
}

TEST(Decimal, PrintsTheWholeRange) {
  EXPECT_EQ(to_string(Int128{0}), "0");
  EXPECT_EQ(to_string(-(Int128{1} << 126) * 2), "-170141183460469231731687303715884105728");
  EXPECT_EQ((Decimal{-5, 3}.str()), "-0.005");
  EXPECT_EQ((Decimal{100, 2}.str()), "1");
}

}  // namespace
}  // namespace sujip
