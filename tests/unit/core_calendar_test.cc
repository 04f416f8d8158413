// Days are checked one by one against a calendar that is counted with loops.

#include <gtest/gtest.h>

#include <cstdio>

#include "core/calendar.h"

namespace sujip {
namespace {

// Counts days from 1970-01-01, a Thursday, knowing only the rule of leap years.
struct Counted {
  int year = 1970;
  int month = 1;
  int day = 1;
  int weekday = 4;  // 1 = Monday
  int day_of_year = 1;

  static bool leap(int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }
  int length() const {
    static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return kDays[month - 1] + (month == 2 && leap(year) ? 1 : 0);
  }
  void next() {
    weekday = weekday % 7 + 1;
    ++day_of_year;
    if (++day <= length()) return;
    day = 1;
    if (++month <= 12) return;
    month = day_of_year = 1;
    ++year;
  }
  std::string str(const char* format) const {
    char out[32];
    std::snprintf(out, sizeof out, format, year, month, day);
    return out;
  }
  // ISO 8601: week 1 is the one with the year's first Thursday; a year has 53 when it starts with a
  // Thursday, or is leap and starts with a Wednesday.
  std::string iso_week() const {
    const auto weeks = [](int y, int jan1) { return jan1 == 4 || (leap(y) && jan1 == 3) ? 53 : 52; };
    const int jan1 = ((weekday - day_of_year) % 7 + 7) % 7 + 1;
    int week = (day_of_year - weekday + 10) / 7;
    int of = year;
    if (week == 0) {
      --of;
      const int before = ((jan1 - 1 - (leap(of) ? 366 : 365)) % 7 + 7) % 7 + 1;
      week = weeks(of, before);
    } else if (week > weeks(year, jan1)) {
      ++of;
      week = 1;
    }
    char out[32];
    std::snprintf(out, sizeof out, "%04d-W%02d", of, week);
    return out;
  }
};

TEST(Calendar, EveryDayFrom1970To2100) {
  Counted counted;
  Day monday{-3};
  Day month{0};
  Day year{0};
  for (int n = 0; counted.year <= 2100; ++n, counted.next()) {
    const Day day{n};
    const std::string text = counted.str("%04d-%02d-%02d");
    if (counted.weekday == 1) monday = day;
    if (counted.day == 1) month = day;
    if (counted.day_of_year == 1) year = day;
    ASSERT_EQ(day.str(), text);
    ASSERT_EQ(day.compact(), counted.str("%04d%02d%02d"));
    ASSERT_EQ(Day::parse(text), day);
    ASSERT_EQ(Day::parse_compact(day.compact()), day);
    ASSERT_EQ(Day::of(counted.year, static_cast<unsigned>(counted.month), static_cast<unsigned>(counted.day)), day);
    ASSERT_EQ(day.iso_weekday(), counted.weekday) << text;
    ASSERT_EQ(day.iso_week(), counted.iso_week()) << text;
    ASSERT_EQ(day.week_start(), monday) << text;
    ASSERT_EQ(day.month_start(), month) << text;
    ASSERT_EQ(day.year_start(), year) << text;
    ASSERT_EQ(start_of(Period::week, day), monday);
    ASSERT_EQ(start_of(Period::day, day), day);
    ASSERT_EQ(seoul_day(seoul_midnight(day)), day);
    ASSERT_EQ(seoul_day(seoul_midnight(day) - 1), day - 1);
    ASSERT_EQ(utc_text(int64_t{n} * 86400000), text + "T00:00:00.000Z");
  }
}

TEST(Calendar, WeeksAroundNewYear) {
  EXPECT_EQ(Day::parse("2011-01-01")->iso_week(), "2010-W52");
  EXPECT_EQ(Day::parse("2011-01-03")->iso_week(), "2011-W01");
  EXPECT_EQ(Day::parse("2010-01-01")->iso_week(), "2009-W53");
  EXPECT_EQ(Day::parse("2018-12-31")->iso_week(), "2019-W01");
}

TEST(Calendar, RefusesDaysThatDoNotExist) {
  for (const char* text : {"2011-02-29", "2100-02-29", "2011-13-01", "2011-00-01", "2011-01-00", "2011-01-32",
                           "2011-1-5", "20110105", "2011/01/05", "2011-01-05 ", "", "2011-01-0x", "-011-01-05"})
    EXPECT_FALSE(Day::parse(text)) << text;
  for (const char* text : {"2011-01-05", "20110229", "2011010", "201101055", "2011010a"})
    EXPECT_FALSE(Day::parse_compact(text)) << text;
}

TEST(Calendar, PeriodsHaveNames) {
  for (const Period p : kPeriods) EXPECT_EQ(parse_period(name_of(p)), p);
  EXPECT_FALSE(parse_period("quarter"));
}

TEST(Times, FormsThatSourcesWrite) {
  const TimeMs at = *parse_time("2011-01-05T08:26:00Z", 0);
  EXPECT_EQ(utc_text(at), "2011-01-05T08:26:00.000Z");
  EXPECT_EQ(seoul_text(at), "2011-01-05T17:26:00.000+09:00");
  EXPECT_EQ(parse_time("2011-01-05T17:26:00+09:00", 0), at);
  EXPECT_EQ(parse_time("2011-01-05T17:26:00+0900", 0), at);
  EXPECT_EQ(parse_time("2011-01-05 17:26:00", kSeoulOffsetMs), at);
  EXPECT_EQ(parse_time("2011-01-05 17:26", kSeoulOffsetMs), at);
  EXPECT_EQ(parse_time("2011-01-05T17:26:00.000", kSeoulOffsetMs), at);
  EXPECT_EQ(parse_time("2011-01-05t08:26:00z", kSeoulOffsetMs), at);
  EXPECT_EQ(parse_time("2011-01-05T03:56:00-04:30", 0), at);
  EXPECT_EQ(parse_time("2011-01-05T08:26:00.5Z", 0), at + 500);
  EXPECT_EQ(parse_time("2011-01-05T08:26:00.123456789Z", 0), at + 123);
  EXPECT_EQ(utc_text(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Times, RefusesOtherForms) {
  for (const char* text :
       {"", "2011-01-05", "2011-01-05T", "2011-01-05T24:00:00Z", "2011-01-05T08:60:00Z", "2011-02-30T08:26:00Z",
        "2011-01-05T08:26:61Z", "2011-01-05T08:26:00.Z", "2011-01-05T08:26:00+9", "2011-01-05T08:26:00Zx",
        "2011-01-05X08:26:00Z", "2011-01-05T08:26:", "5.1.2011 08:26:00"})
    EXPECT_FALSE(parse_time(text, 0)) << text;
}

TEST(Times, UtcTextIsReadBack) {
  for (TimeMs at = -4000000000000; at < 4000000000000; at += 86399999877) EXPECT_EQ(parse_time(utc_text(at), 0), at);
}

}  // namespace
}  // namespace sujip
