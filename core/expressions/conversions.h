#pragma once
// Text from people and vendors to exact values: what sujip's own filters do, usable without a
// template. All are strict: nothing is guessed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/calendar.h"
#include "core/decimal.h"

namespace sujip {

// Without blanks (also no-break ones) at both ends.
std::string_view trimmed(std::string_view text);

// "", "-" and blanks mean "no value", never 0.
bool is_blank_number(std::string_view text);

// "57,750" "₩1,200" "1 200원" "-0.50" "1e3": thousands commas (in groups of three), blanks, 원 and ₩
// are dropped. nullopt when that leaves no number, as in "일시품절" or "1TB_104,520".
std::optional<Decimal> parse_amount(std::string_view text);

// Order of a date with slashes whose year comes last; unknown refuses such dates.
enum class DateOrder : uint8_t { unknown, day_first, month_first };

// "2026-10-01", "2026.10.01.", "2026. 10. 1", "2026/10/01", "20261001", "1 Oct, 2026", a spreadsheet's
// day number (46296), and any of the first four with a time behind it. nullopt otherwise, also for a
// range of days.
std::optional<Day> parse_date_text(std::string_view text, DateOrder order = DateOrder::unknown);

// RFC 3339 or ISO 8601, dotted dates with a time, a date alone (midnight), 10 or 13 digits since the
// epoch. Without a zone in the text it is `zone_offset_ms` ahead of UTC.
std::optional<TimeMs> parse_time_text(std::string_view text, TimeMs zone_offset_ms);

}  // namespace sujip
