#include "core/expressions/datetime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/calendar.h"

namespace sujip {
namespace {

namespace ch = std::chrono;
constexpr int64_t kSecond = 1000000;
constexpr int64_t kDay = 86400 * kSecond;

}  // namespace

CivilTime civil_time(const DateTime& at) {
  const int64_t local = at.micros + at.offset_seconds * kSecond;
  const int64_t days = floor_div(local, kDay);
  int64_t rest = local - days * kDay;
  const ch::sys_days point{ch::days{days}};
  const ch::year_month_day ymd{point};
  CivilTime c;
  c.year = static_cast<int>(ymd.year());
  c.month = static_cast<int>(static_cast<unsigned>(ymd.month()));
  c.day = static_cast<int>(static_cast<unsigned>(ymd.day()));
  c.weekday = static_cast<int>(ch::weekday{point}.iso_encoding()) - 1;
  c.year_day = static_cast<int>((point - ch::sys_days{ymd.year() / 1 / 1}).count()) + 1;
  c.micros = static_cast<int>(rest % kSecond);
  rest /= kSecond;
  c.hour = static_cast<int>(rest / 3600);
  c.minute = static_cast<int>(rest / 60 % 60);
  c.second = static_cast<int>(rest % 60);
  return c;
}

DateTime from_civil_time(const CivilTime& c, int32_t offset_seconds) {
  const ch::sys_days day{ch::year{c.year} / ch::month{static_cast<unsigned>(c.month)} /
                         ch::day{static_cast<unsigned>(c.day)}};
  const int64_t seconds = static_cast<int64_t>(day.time_since_epoch().count()) * 86400 + c.hour * 3600 + c.minute * 60 +
                          c.second - offset_seconds;
  return {seconds * kSecond + c.micros, offset_seconds, false};
}

DateTime plus(const DateTime& at, const Duration& duration) {
  DateTime result = at;
  if (duration.months != 0) {
    CivilTime c = civil_time(at);
    const ch::year_month month =
        ch::year{c.year} / ch::month{static_cast<unsigned>(c.month)} + ch::months{duration.months};
    const ch::year_month_day last{month / ch::last};
    c.year = static_cast<int>(month.year());
    c.month = static_cast<int>(static_cast<unsigned>(month.month()));
    c.day = std::min(c.day, static_cast<int>(static_cast<unsigned>(last.day())));
    result = from_civil_time(c, at.offset_seconds);
    result.date_only = at.date_only;
  }
  result.micros += duration.micros;
  if (result.date_only) {
    // A civil day stays one: a part of a day does not move it, as in Python.
    const int64_t local = result.micros + result.offset_seconds * kSecond;
    result.micros = floor_div(local, kDay) * kDay - result.offset_seconds * kSecond;
  }
  return result;
}

DateTime minus(const DateTime& at, const Duration& duration) { return plus(at, {-duration.micros, -duration.months}); }

std::optional<int32_t> parse_zone(std::string_view zone) {
  struct Named {
    std::string_view name;
    int32_t hours;
  };
  static constexpr std::array<Named, 10> kNamed = {{{"UTC", 0},
                                                    {"Z", 0},
                                                    {"z", 0},
                                                    {"GMT", 0},
                                                    {"Etc/UTC", 0},
                                                    {"Asia/Seoul", 9},
                                                    {"KST", 9},
                                                    {"Asia/Tokyo", 9},
                                                    {"Asia/Shanghai", 8},
                                                    {"Asia/Singapore", 8}}};
  for (const Named& n : kNamed)
    if (n.name == zone) return n.hours * 3600;
  if (zone.size() < 3 || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  int digits[4] = {0, 0, 0, 0};
  int count = 0;
  for (size_t i = 1; i < zone.size(); ++i) {
    if (zone[i] == ':' && i == 3) continue;
    if (zone[i] < '0' || zone[i] > '9' || count == 4) return std::nullopt;
    digits[count++] = zone[i] - '0';
  }
  if (count != 4 && count != 2) return std::nullopt;
  const int minutes = (digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3];
  if (minutes > 24 * 60) return std::nullopt;
  return (zone[0] == '-' ? -minutes : minutes) * 60;
}

std::optional<Duration> parse_duration(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.size() < 3 || text[0] != 'P') return std::nullopt;
  Duration result;
  bool time = false;
  bool any = false;
  size_t i = 1;
  while (i < text.size()) {
    if (text[i] == 'T') {
      if (time) return std::nullopt;
      time = true;
      ++i;
      continue;
    }
    int64_t whole = 0;
    int64_t fraction = 0;
    const size_t start = i;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      whole = whole * 10 + (text[i] - '0');
      if (whole > 100000000) return std::nullopt;
    }
    if (i == start) return std::nullopt;
    if (i < text.size() && (text[i] == '.' || text[i] == ',')) {
      int64_t weight = kSecond / 10;
      const size_t point = ++i;
      for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, weight /= 10)
        fraction += (text[i] - '0') * weight;
      if (i == point) return std::nullopt;
    }
    if (i == text.size()) return std::nullopt;
    const char unit = text[i++];
    if (fraction != 0 && unit != 'S') return std::nullopt;
    any = true;
    if (!time && unit == 'Y')
      result.months += static_cast<int32_t>(std::min<int64_t>(whole, 10000) * 12);
    else if (!time && unit == 'M')
      result.months += static_cast<int32_t>(std::min<int64_t>(whole, 120000));
    else if (!time && unit == 'W')
      result.micros += std::min<int64_t>(whole, 500000) * 7 * kDay;
    else if (!time && unit == 'D')
      result.micros += std::min<int64_t>(whole, 3650000) * kDay;
    else if (time && unit == 'H')
      result.micros += whole * 3600 * kSecond;
    else if (time && unit == 'M')
      result.micros += whole * 60 * kSecond;
    else if (time && unit == 'S')
      result.micros += whole * kSecond + fraction;
    else
      return std::nullopt;
  }
  if (!any) return std::nullopt;
  if (negative) result = {-result.micros, -result.months};
  return result;
}

std::string duration_text(const Duration& duration) {
  std::string out = duration.micros < 0 || duration.months < 0 ? "-P" : "P";
  const int64_t micros = duration.micros < 0 ? -duration.micros : duration.micros;
  const int32_t months = duration.months < 0 ? -duration.months : duration.months;
  if (months != 0) out += fmt::format("{}M", months);
  if (micros / kDay != 0) out += fmt::format("{}D", micros / kDay);
  const int64_t rest = micros % kDay;
  if (rest != 0 || out.back() == 'P') {
    out += fmt::format("T{}", rest / kSecond);
    if (rest % kSecond != 0) out += fmt::format(".{:06}", rest % kSecond);
    out += 'S';
  }
  return out;
}

}  // namespace sujip
