#include <gtest/gtest.h>

#include <random>

#include "core/expressions/arithmetic.h"
#include "core/expressions/conversions.h"
#include "core/expressions/datetime.h"
#include "core/expressions/value.h"

namespace sujip {
namespace {

TEST(ValueJson, NumbersAreExactFromTheirText) {
  for (const char* text : {"0", "-0.5", "123456789012345678901234567890", "0.000000000000000001", "9747747.934",
                           "-1566.23", "18446744073709551616"})
    EXPECT_EQ(to_json(*parse_json(text)), text);
  EXPECT_EQ(to_json(*parse_json("1e3")), "1000");
  EXPECT_EQ(to_json(*parse_json("1.50")), "1.5");
  // a double's 17 digits behind many zeros: rounded at the 18th digit behind the point
  EXPECT_EQ(to_json(*parse_json("0.0000123456789012345678")), "0.000012345678901235");
  EXPECT_EQ(to_json(*parse_json("1e300")), "\"1e300\"");
}

TEST(ValueJson, KeepsOrderAndTheLastOfDuplicates) {
  const auto v = parse_json(R"({"b":1,"a":[true,null,"x\u00e9\n"],"b":2})");
  ASSERT_TRUE(v.ok());
  EXPECT_EQ(to_json(*v), "{\"b\":2,\"a\":[true,null,\"xé\\n\"]}");
  std::string wide = "{";
  for (int i = 0; i < 200; ++i) wide += (i > 0 ? ",\"k" : "\"k") + std::to_string(i % 100) + "\":" + std::to_string(i);
  const auto w = parse_json(wide + "}");
  ASSERT_TRUE(w.ok());
  EXPECT_EQ(w->object().size(), 100u);
  EXPECT_EQ(*w->object().find("k7"), Value(107));
}

TEST(ValueJson, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "[1,]", "{\"a\":}", "01", "1 2", "nul", "[1] x", "\"\\x\"", "\"a", "1],[2", "-",
                           "1.", ".5", "{\"a\" 1}", "tru", "\xff\"", "\"\xff\""})
    EXPECT_FALSE(parse_json(text).ok()) << text;
  EXPECT_TRUE(parse_json(std::string(99, '[') + std::string(99, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(102, '[') + std::string(102, ']')).ok());
}

TEST(ValueCopies, AreIndependent) {
  Value a = *parse_json(R"({"x":{"y":1}})");
  Value b = a;
  b.mutable_object().set("z", Value(2));
  EXPECT_EQ(to_json(a), R"({"x":{"y":1}})");
  EXPECT_EQ(to_json(b), R"({"x":{"y":1},"z":2})");
}

// Against 64-bit integers: exact whenever those are.
TEST(Arithmetic, AgreesWithIntegers) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const auto x = static_cast<int64_t>(random() % 2000001) - 1000000;
    const auto y = static_cast<int64_t>(random() % 2000001) - 1000000;
    const int sx = static_cast<int>(random() % 5);
    const Decimal a{x, sx};
    const Decimal b{y, sx};
    EXPECT_EQ(compare(*add(a, b), Decimal{x + y, sx}), std::strong_ordering::equal);
    EXPECT_EQ(compare(*subtract(a, b), Decimal{x - y, sx}), std::strong_ordering::equal);
    EXPECT_EQ(compare(*multiply(a, Decimal{y, 3}), Decimal{Int128{x} * y, sx + 3}), std::strong_ordering::equal);
    EXPECT_EQ(compare(a, b), x <=> y);
    if (y != 0) {
      const Decimal q = *floor_quotient(a, b);
      const Decimal r = *modulo(a, b);
      EXPECT_EQ(compare(*add(*multiply(q, b), r), a), std::strong_ordering::equal);
      EXPECT_EQ(compare(*quotient(*multiply(a, b), b), a), std::strong_ordering::equal);
    }
  }
}

TEST(Arithmetic, RoundsHalfAwayFromZeroAndNoticesOverflow) {
  EXPECT_EQ(quotient(Decimal::of(1), Decimal::of(3))->str(), "0.333333333333333333");
  EXPECT_EQ(quotient(Decimal::of(-2), Decimal::of(3))->str(), "-0.666666666666666667");
  const Decimal big = *Decimal::parse("9999999999999999999999999999999999999");
  EXPECT_FALSE(add(big, big));
  EXPECT_FALSE(multiply(big, Decimal::of(10)));
  EXPECT_TRUE(compare(*Decimal::parse("0.5"), big) < 0);
}

TEST(Amounts, AreReadStrictly) {
  const auto text = [](std::string_view t) {
    const auto n = parse_amount(t);
    return n ? n->str() : std::string("none");
  };
  EXPECT_EQ(text("57,750"), "57750");
  EXPECT_EQ(text("1,234,567.50"), "1234567.5");
  EXPECT_EQ(text("₩1,200"), "1200");
  EXPECT_EQ(text("68,770원"), "68770");
  EXPECT_EQ(text("1\u00a0234"), "1234");
  EXPECT_EQ(text("-0.50"), "-0.5");
  for (const char* bad : {"일시품절", "쿠팡_512,500", "1TB_104,520|500GB_138원/1GB_68,770", "1,2", "12,34,567",
                          "1,2345", "1.350,00", ",5", "", "-", "가격비교예정", "1..2", "0x10"})
    EXPECT_EQ(text(bad), "none") << bad;
}

TEST(Dates, InTheFormsOfFiles) {
  for (const char* t : {"2026-10-01", "2026.10.01.", "2026.10.01", "2026. 10. 1", "2026/10/01", "20261001",
                        "1 Oct, 2026", "Oct 1, 2026", "46296", "2026-10-01 08:26:00", " 2026-10-01 "})
    EXPECT_EQ(parse_date_text(t).value_or(Day{}).str(), "2026-10-01") << t;
  EXPECT_EQ(parse_date_text("01/10/2026", DateOrder::day_first)->str(), "2026-10-01");
  EXPECT_EQ(parse_date_text("10/01/2026", DateOrder::month_first)->str(), "2026-10-01");
  for (const char* t : {"01/10/2026", "2026.10.01. ~ 2026.10.07.", "2026-02-30", "2026", "", "20261301", "합계"})
    EXPECT_FALSE(parse_date_text(t)) << t;
}

TEST(DateTimes, FormatAndParseAreInverse) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 5000; ++i) {
    const DateTime at{static_cast<int64_t>(random() % 4102444800000000ULL), 0, false};
    for (const char* format : {"%Y-%m-%dT%H:%M:%S.%f%z", "%epoch_microseconds", "%d %b %Y %I:%M:%S.%f %p"}) {
      const auto back = parse_datetime(format_datetime_text(at, format), format);
      ASSERT_TRUE(back) << format_datetime_text(at, format);
      EXPECT_EQ(back->micros, at.micros);
    }
    EXPECT_EQ(parse_iso_datetime(iso_text(at))->micros, at.micros);
  }
  EXPECT_FALSE(parse_datetime("2024-01-01x", "%Y-%m-%d"));
  EXPECT_FALSE(parse_datetime("2024-02-30", "%Y-%m-%d"));
  EXPECT_EQ(parse_datetime("2024-01-01T00:00:00+0900", "%Y-%m-%dT%H:%M:%S%z")->micros, 1704034800000000);
  EXPECT_EQ(strftime_text({1704034800000000, 0, false}, "%j %a %A %B %y %G-W%V"),
            "365 Sun Sunday December 23 2023-W52");
  EXPECT_FALSE(parse_duration("1D"));
  EXPECT_EQ(duration_text(*parse_duration("P1Y2M3DT4H")), "P14M3DT14400S");
}

}  // namespace
}  // namespace sujip
