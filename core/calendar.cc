#include "core/calendar.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>

namespace sujip {
namespace {

namespace ch = std::chrono;
constexpr TimeMs kDayMs = 24LL * 3600 * 1000;

ch::year_month_day civil(Day day) { return ch::sys_days{ch::days{day.since_epoch}}; }

Day from_civil(ch::year_month_day ymd) { return {static_cast<int32_t>(ch::sys_days{ymd}.time_since_epoch().count())}; }

// Reads exactly n digits at `at`; -1 when there are not that many.
int digits(std::string_view text, size_t at, size_t n) {
  if (at + n > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + n; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<Day> checked(int y, int m, int d) {
  if (y < 0 || m < 1 || d < 1) return std::nullopt;
  const ch::year_month_day ymd{ch::year{y}, ch::month{static_cast<unsigned>(m)}, ch::day{static_cast<unsigned>(d)}};
  if (!ymd.ok()) return std::nullopt;
  return from_civil(ymd);
}

// Every change event and rollup row holds dates: a general formatter would be a tenth of the CPU.
void write_digits(char* to, int value, int n) {
  for (int i = n - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::optional<Day> Day::parse(std::string_view t) {
  if (t.size() != 10 || t[4] != '-' || t[7] != '-') return std::nullopt;
  return checked(digits(t, 0, 4), digits(t, 5, 2), digits(t, 8, 2));
}

std::optional<Day> Day::parse_compact(std::string_view t) {
  if (t.size() != 8) return std::nullopt;
  return checked(digits(t, 0, 4), digits(t, 4, 2), digits(t, 6, 2));
}

Day Day::of(int year, unsigned month, unsigned day) {
  return from_civil({ch::year{year}, ch::month{month}, ch::day{day}});
}

char* Day::write(char* to) const {
  const auto ymd = civil(*this);
  write_digits(to, static_cast<int>(ymd.year()), 4);
  to[4] = to[7] = '-';
  write_digits(to + 5, static_cast<int>(static_cast<unsigned>(ymd.month())), 2);
  write_digits(to + 8, static_cast<int>(static_cast<unsigned>(ymd.day())), 2);
  return to + kRoom;
}

void Day::append_to(std::string& out) const {
  char text[kRoom];
  write(text);
  out.append(text, sizeof text);
}

std::string Day::str() const {
  std::string out;
  append_to(out);
  return out;
}

std::string Day::compact() const {
  const auto ymd = civil(*this);
  return fmt::format("{:04}{:02}{:02}", static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                     static_cast<unsigned>(ymd.day()));
}

int Day::iso_weekday() const {
  return static_cast<int>(ch::weekday{ch::sys_days{ch::days{since_epoch}}}.iso_encoding());
}

Day Day::week_start() const { return *this - (iso_weekday() - 1); }

Day Day::month_start() const {
  const auto ymd = civil(*this);
  return from_civil(ymd.year() / ymd.month() / 1);
}

Day Day::year_start() const { return from_civil(civil(*this).year() / 1 / 1); }

std::string Day::iso_week() const {
  // The week belongs to the year of its Thursday.
  const Day thursday = week_start() + 3;
  const int week = (thursday - thursday.year_start()) / 7 + 1;
  return fmt::format("{:04}-W{:02}", static_cast<int>(civil(thursday).year()), week);
}

std::string_view name_of(Period period) {
  switch (period) {
    case Period::day:
      return "day";
    case Period::week:
      return "week";
    case Period::month:
      return "month";
    case Period::year:
      return "year";
  }
  return "";
}

std::optional<Period> parse_period(std::string_view name) {
  for (const Period p : kPeriods)
    if (name_of(p) == name) return p;
  return std::nullopt;
}

Day start_of(Period period, Day day) {
  switch (period) {
    case Period::day:
      return day;
    case Period::week:
      return day.week_start();
    case Period::month:
      return day.month_start();
    case Period::year:
      return day.year_start();
  }
  return day;
}

TimeMs now_ms() { return ch::duration_cast<ch::milliseconds>(ch::system_clock::now().time_since_epoch()).count(); }

Day seoul_day(TimeMs at) { return {static_cast<int32_t>(floor_div(at + kSeoulOffsetMs, kDayMs))}; }

TimeMs seoul_midnight(Day day) { return day.since_epoch * kDayMs - kSeoulOffsetMs; }

std::optional<TimeMs> parse_time(std::string_view t, TimeMs zone_offset_ms) {
  if (t.size() < 16) return std::nullopt;
  const auto day = Day::parse(t.substr(0, 10));
  if (!day || (t[10] != 'T' && t[10] != ' ' && t[10] != 't')) return std::nullopt;
  const int h = digits(t, 11, 2);
  const int m = digits(t, 14, 2);
  if (h < 0 || h > 23 || t[13] != ':' || m < 0 || m > 59) return std::nullopt;
  size_t at = 16;
  int s = 0;
  int ms = 0;
  if (at < t.size() && t[at] == ':') {
    s = digits(t, at + 1, 2);
    if (s < 0 || s > 60) return std::nullopt;
    at += 3;
    if (at < t.size() && t[at] == '.') {
      ++at;
      int weight = 100;
      const size_t start = at;
      for (; at < t.size() && t[at] >= '0' && t[at] <= '9'; ++at, weight /= 10) ms += (t[at] - '0') * weight;
      if (at == start) return std::nullopt;
    }
  }
  TimeMs offset = zone_offset_ms;
  if (at < t.size()) {
    if (t[at] == 'Z' || t[at] == 'z') {
      offset = 0;
      ++at;
    } else if (t[at] == '+' || t[at] == '-') {
      const int oh = digits(t, at + 1, 2);
      const size_t minute_at = at + 3 < t.size() && t[at + 3] == ':' ? at + 4 : at + 3;
      const int om = digits(t, minute_at, 2);
      if (oh < 0 || om < 0) return std::nullopt;
      offset = (oh * 60LL + om) * 60000 * (t[at] == '-' ? -1 : 1);
      at = minute_at + 2;
    }
  }
  if (at != t.size()) return std::nullopt;
  return day->since_epoch * kDayMs + ((h * 60LL + m) * 60 + s) * 1000 + ms - offset;
}

char* write_utc(char* to, TimeMs at) {
  const int64_t days = floor_div(at, kDayMs);
  const int64_t rest = at - days * kDayMs;
  to = Day{static_cast<int32_t>(days)}.write(to);
  std::memcpy(to, "T00:00:00.000Z", kUtcRoom - Day::kRoom);
  write_digits(to + 1, static_cast<int>(rest / 3600000), 2);
  write_digits(to + 4, static_cast<int>(rest / 60000 % 60), 2);
  write_digits(to + 7, static_cast<int>(rest / 1000 % 60), 2);
  write_digits(to + 10, static_cast<int>(rest % 1000), 3);
  return to + (kUtcRoom - Day::kRoom);
}

void append_utc(std::string& out, TimeMs at) {
  char text[kUtcRoom];
  write_utc(text, at);
  out.append(text, sizeof text);
}

std::string utc_text(TimeMs at) {
  std::string out;
  append_utc(out, at);
  return out;
}

std::string seoul_text(TimeMs at) {
  std::string out = utc_text(at + kSeoulOffsetMs);
  out.pop_back();
  return out + "+09:00";
}

}  // namespace sujip
