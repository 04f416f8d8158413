#pragma once
// Days, ISO weeks (Monday), months and years. Asia/Seoul is UTC+9 since 1988-10-09; sujip refuses
// earlier local times rather than guess daylight saving.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sujip {

// A civil day, counted from 1970-01-01.
struct Day {
  int32_t since_epoch = 0;

  // "2011-01-05". nullopt for anything else, or a day that does not exist.
  static std::optional<Day> parse(std::string_view text);
  // "20110105"
  static std::optional<Day> parse_compact(std::string_view text);
  static Day of(int year, unsigned month, unsigned day);

  std::string str() const;      // "2011-01-05"
  std::string compact() const;  // "20110105"
  void append_to(std::string& out) const;
  // The same as str() into memory of kRoom bytes; returns the end.
  static constexpr size_t kRoom = 10;
  char* write(char* to) const;

  Day week_start() const;  // Monday of the ISO week
  Day month_start() const;
  Day year_start() const;
  int iso_weekday() const;       // 1 = Monday .. 7 = Sunday
  std::string iso_week() const;  // "2011-W01"

  Day operator+(int days) const { return {since_epoch + days}; }
  Day operator-(int days) const { return {since_epoch - days}; }
  friend int operator-(Day a, Day b) { return a.since_epoch - b.since_epoch; }
  friend auto operator<=>(Day, Day) = default;
};

enum class Period : uint8_t { day, week, month, year };
inline constexpr Period kPeriods[] = {Period::day, Period::week, Period::month, Period::year};
std::string_view name_of(Period period);
std::optional<Period> parse_period(std::string_view name);
Day start_of(Period period, Day day);

// Rounds down, also below zero.
constexpr int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

using TimeMs = int64_t;  // milliseconds since 1970-01-01T00:00:00Z

inline constexpr TimeMs kSeoulOffsetMs = 9LL * 3600 * 1000;

TimeMs now_ms();                 // wall clock; never called by processors
Day seoul_day(TimeMs at);        // the day in Asia/Seoul
TimeMs seoul_midnight(Day day);  // start of the day in Asia/Seoul

// RFC 3339 / ISO 8601: "2011-01-05T08:26:00Z", "...+09:00", "2010-12-01 08:26:00". A text without
// zone is taken `zone_offset_ms` ahead of UTC. nullopt when not a time.
std::optional<TimeMs> parse_time(std::string_view text, TimeMs zone_offset_ms);
std::string utc_text(TimeMs at);    // "2011-01-05T08:26:00.000Z"
std::string seoul_text(TimeMs at);  // "2011-01-05T17:26:00.000+09:00"
void append_utc(std::string& out, TimeMs at);
// The same into memory of kUtcRoom bytes; returns the end.
inline constexpr size_t kUtcRoom = 24;
char* write_utc(char* to, TimeMs at);

}  // namespace sujip
