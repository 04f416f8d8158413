#include "core/expressions/conversions.h"

#include <array>
#include <charconv>

namespace sujip {
namespace {

constexpr std::string_view kNoBreak = "\xc2\xa0";
constexpr std::string_view kNarrowNoBreak = "\xe2\x80\xaf";
constexpr std::string_view kWon = "\xec\x9b\x90";      // 원
constexpr std::string_view kWonSign = "\xe2\x82\xa9";  // ₩
constexpr std::string_view kWideWon = "\xef\xbf\xa6";  // full-width ₩

bool digit(char c) { return c >= '0' && c <= '9'; }

// Length of a blank at the start of `text`; 0 when there is none.
size_t blank(std::string_view text) {
  if (text.empty()) return 0;
  if (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r')) return 1;
  if (text.starts_with(kNoBreak)) return kNoBreak.size();
  if (text.starts_with(kNarrowNoBreak)) return kNarrowNoBreak.size();
  return 0;
}

int number_of(std::string_view digits) {
  int value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

std::optional<Day> checked_day(int year, int month, int day) {
  if (year < 1000 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  std::array<char, 11> text{};
  const auto put = [&](size_t at, size_t width, int value) {
    for (size_t i = width; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, year);
  text[4] = text[7] = '-';
  put(5, 2, month);
  put(8, 2, day);
  return Day::parse(std::string_view(text.data(), 10));
}

// Reads "2026.10.01", "2026. 10. 1" or with '-' or '/' at the start; `used` gets its length.
std::optional<Day> year_first(std::string_view t, size_t& used) {
  if (t.size() < 8 || !digit(t[0]) || !digit(t[1]) || !digit(t[2]) || !digit(t[3])) return std::nullopt;
  const char mark = t[4];
  if (mark != '.' && mark != '-' && mark != '/') return std::nullopt;
  size_t i = 5;
  const auto part = [&]() -> int {
    while (mark == '.' && i < t.size() && t[i] == ' ') ++i;
    const size_t start = i;
    while (i < t.size() && digit(t[i]) && i - start < 2) ++i;
    return i == start ? -1 : number_of(t.substr(start, i - start));
  };
  const int month = part();
  if (month < 0 || i >= t.size() || t[i] != mark) return std::nullopt;
  ++i;
  const int day = part();
  if (day < 0) return std::nullopt;
  if (mark == '.' && i < t.size() && t[i] == '.') ++i;
  used = i;
  return checked_day(number_of(t.substr(0, 4)), month, day);
}

int month_of(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                              "jul", "aug", "sep", "oct", "nov", "dec"};
  if (name.size() < 3) return -1;
  for (size_t m = 0; m < kNames.size(); ++m) {
    bool same = true;
    for (size_t i = 0; i < 3; ++i) same = same && (name[i] | 0x20) == kNames[m][i];
    if (same) return static_cast<int>(m) + 1;
  }
  return -1;
}

// "1 Oct, 2026" and "Oct 1, 2026".
std::optional<Day> named_month(std::string_view t) {
  std::array<std::string_view, 3> parts;
  size_t n = 0;
  for (size_t i = 0; i < t.size();) {
    if (t[i] == ' ' || t[i] == ',' || t[i] == '-') {
      ++i;
      continue;
    }
    const size_t start = i;
    while (i < t.size() && t[i] != ' ' && t[i] != ',' && t[i] != '-') ++i;
    if (n == parts.size()) return std::nullopt;
    parts[n++] = t.substr(start, i - start);
  }
  if (n != 3 || parts[2].size() != 4) return std::nullopt;
  const bool day_first = digit(parts[0][0]);
  const int month = month_of(day_first ? parts[1] : parts[0]);
  return checked_day(number_of(parts[2]), month, number_of(day_first ? parts[0] : parts[1]));
}

std::optional<Day> year_last(std::string_view t, DateOrder order) {
  if (order == DateOrder::unknown) return std::nullopt;
  const size_t a = t.find_first_of("/.-");
  const size_t b = a == t.npos ? t.npos : t.find(t[a], a + 1);
  if (b == t.npos || t.size() - b != 5) return std::nullopt;
  const int first = number_of(t.substr(0, a));
  const int second = number_of(t.substr(a + 1, b - a - 1));
  const int year = number_of(t.substr(b + 1));
  return order == DateOrder::day_first ? checked_day(year, second, first) : checked_day(year, first, second);
}

bool all_digits(std::string_view t) {
  for (const char c : t)
    if (!digit(c)) return false;
  return !t.empty();
}

// A time of day directly behind a date: "T08:26", " 08:26:00.5+09:00". Only its look is checked.
bool looks_like_time(std::string_view t) {
  if (t.size() < 6 || (t[0] != 'T' && t[0] != 't' && t[0] != ' ')) return false;
  return digit(t[1]) && digit(t[2]) && t[3] == ':' && digit(t[4]) && digit(t[5]);
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  for (size_t n = blank(text); n > 0; n = blank(text)) text.remove_prefix(n);
  for (;;) {
    if (text.empty()) return text;
    const char c = text.back();
    if (c == ' ' || (c >= '\t' && c <= '\r'))
      text.remove_suffix(1);
    else if (text.ends_with(kNoBreak))
      text.remove_suffix(kNoBreak.size());
    else if (text.ends_with(kNarrowNoBreak))
      text.remove_suffix(kNarrowNoBreak.size());
    else
      return text;
  }
}

bool is_blank_number(std::string_view text) {
  text = trimmed(text);
  return text.empty() || text == "-";
}

std::optional<Decimal> parse_amount(std::string_view text) {
  // Plain numbers, by far the most, need no copy.
  if (const auto plain = Decimal::parse(text)) return plain;
  std::array<char, 80> buffer;
  size_t n = 0;
  int group = -1;   // digits since the last comma; -1 = no comma yet
  size_t lead = 0;  // digits before the first comma
  bool fraction = false;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (const size_t skip = blank(rest)) {
      i += skip;
      continue;
    }
    if (rest.starts_with(kWon) || rest.starts_with(kWonSign) || rest.starts_with(kWideWon)) {
      i += kWon.size();
      continue;
    }
    const char c = text[i++];
    if (c == ',') {
      const bool first = group < 0;
      if (fraction || (first ? lead < 1 || lead > 3 : group != 3)) return std::nullopt;
      group = 0;
      continue;
    }
    if (digit(c)) {
      if (group >= 0 && !fraction)
        ++group;
      else if (!fraction)
        ++lead;
    } else {
      if (c == '.' || c == 'e' || c == 'E') {
        if (!fraction && group >= 0 && group != 3) return std::nullopt;
        fraction = true;
      }
    }
    if (n == buffer.size()) return std::nullopt;
    buffer[n++] = c;
  }
  if (!fraction && group >= 0 && group != 3) return std::nullopt;
  return Decimal::parse(std::string_view(buffer.data(), n));
}

std::optional<Day> parse_date_text(std::string_view text, DateOrder order) {
  const std::string_view t = trimmed(text);
  if (all_digits(t)) {
    if (t.size() == 8) return Day::parse_compact(t);
    // A spreadsheet's day number, 1900 system; only days that can be told from a year or a code.
    if (t.size() == 5) {
      const int serial = number_of(t);
      if (serial >= 20000 && serial <= 80000) return Day{serial - 25569};
    }
    return std::nullopt;
  }
  size_t used = 0;
  if (const auto day = year_first(t, used)) {
    const std::string_view rest = t.substr(used);
    if (rest.empty() || looks_like_time(rest)) return day;
    return std::nullopt;
  }
  if (const auto day = named_month(t)) return day;
  return year_last(t, order);
}

std::optional<TimeMs> parse_time_text(std::string_view text, TimeMs zone_offset_ms) {
  const std::string_view t = trimmed(text);
  if (const auto time = parse_time(t, zone_offset_ms)) return time;
  if (all_digits(t) && (t.size() == 10 || t.size() == 13)) {
    int64_t value = 0;
    std::from_chars(t.data(), t.data() + t.size(), value);
    return t.size() == 10 ? value * 1000 : value;
  }
  size_t used = 0;
  std::optional<Day> day = year_first(t, used);
  if (!day) {
    if (t.size() != 8) return std::nullopt;
    day = Day::parse_compact(t);
    used = 8;
  }
  if (!day) return std::nullopt;
  if (used == t.size()) return day->since_epoch * int64_t{86400000} - zone_offset_ms;
  return parse_time(day->str() + std::string(t.substr(used)), zone_offset_ms);
}

}  // namespace sujip
