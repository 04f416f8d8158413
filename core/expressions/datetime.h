#pragma once
// Times as connector manifests write them: Python's strftime/strptime directives plus %s (epoch
// seconds), %ms and %_ms (epoch milliseconds), %s_as_float and %epoch_microseconds. Pure: no clock.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/expressions/value.h"

namespace sujip {

// "2024-01-01", "2024-01-01T08:00:00Z", "... 08:00:00.123456+0900"; without a zone it is UTC.
std::optional<DateTime> parse_iso_datetime(std::string_view text);
// Every directive and literal must match and nothing may be left over; without %z it is UTC.
std::optional<DateTime> parse_datetime(std::string_view text, std::string_view format);

// Python's strftime.
std::string strftime_text(const DateTime& at, std::string_view format);
// The same plus the epoch directives above.
std::string format_datetime_text(const DateTime& at, std::string_view format);
// "2024-01-01T00:00:00.000001+00:00", as Python's isoformat(); a civil day is "2024-01-01".
std::string iso_text(const DateTime& at);
// "2024-01-01 00:00:00.000000+00:00", as it prints.
std::string printed_text(const DateTime& at);

// "P1M", "P30D", "PT15M", "P1DT2H", "P2W"; a fraction is allowed on seconds. nullopt otherwise.
std::optional<Duration> parse_duration(std::string_view text);
std::string duration_text(const Duration& duration);

// Calendar months are clamped to the end of the month: January 31 plus P1M is the end of February.
DateTime plus(const DateTime& at, const Duration& duration);
DateTime minus(const DateTime& at, const Duration& duration);

// Civil parts in the zone of `at`.
struct CivilTime {
  int year = 1970;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int micros = 0;
  int weekday = 0;  // 0 = Monday, as in Python
  int year_day = 1;
};
CivilTime civil_time(const DateTime& at);
DateTime from_civil_time(const CivilTime& civil, int32_t offset_seconds);

// "UTC", "Z", "+09:00", "+0900", "Asia/Seoul", "KST": seconds ahead of UTC. Zones with daylight
// saving are not known: nullopt.
std::optional<int32_t> parse_zone(std::string_view zone);
inline constexpr std::string_view kZonesAllowed =
    "UTC, Asia/Seoul, Asia/Tokyo, Asia/Shanghai, Asia/Singapore, or a fixed offset like +09:00";

}  // namespace sujip
