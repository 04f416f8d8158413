#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "core/calendar.h"
#include "core/expressions/arithmetic.h"
#include "core/expressions/datetime.h"

namespace sujip {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                       "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

std::string offset_text(int32_t seconds, bool colon) {
  const int minutes = (seconds < 0 ? -seconds : seconds) / 60;
  return fmt::format("{}{:02}{}{:02}", seconds < 0 ? '-' : '+', minutes / 60, colon ? ":" : "", minutes % 60);
}

// The directives of more than one letter; sorted so that the longest one is found first.
enum class Epoch : uint8_t { none, seconds, float_seconds, millis, micros };
Epoch epoch_directive(std::string_view rest, size_t& length) {
  const auto is = [&](std::string_view name) {
    if (!rest.starts_with(name)) return false;
    length = name.size();
    return true;
  };
  if (is("s_as_float")) return Epoch::float_seconds;
  if (is("epoch_microseconds")) return Epoch::micros;
  if (is("_ms") || is("ms")) return Epoch::millis;
  if (is("s")) return Epoch::seconds;
  return Epoch::none;
}

std::string format_text(const DateTime& at, std::string_view format, bool epochs) {
  const CivilTime c = civil_time(at);
  std::string out;
  auto put = std::back_inserter(out);
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    size_t length = 0;
    if (epochs) {
      const Epoch epoch = epoch_directive(format.substr(i + 1), length);
      if (epoch != Epoch::none) {
        i += length;
        if (epoch == Epoch::seconds) fmt::format_to(put, "{}", floor_div(at.micros, 1000000));
        if (epoch == Epoch::millis) fmt::format_to(put, "{}", floor_div(at.micros, 1000));
        if (epoch == Epoch::micros) fmt::format_to(put, "{}", at.micros);
        if (epoch == Epoch::float_seconds) {
          append_decimal(out, at.micros, 6);
          if (at.micros % 1000000 == 0) out += ".0";
        }
        continue;
      }
    }
    const char directive = format[++i];
    switch (directive) {
      case 'Y':
        fmt::format_to(put, "{:04}", c.year);
        break;
      case 'y':
        fmt::format_to(put, "{:02}", c.year % 100);
        break;
      case 'm':
        fmt::format_to(put, "{:02}", c.month);
        break;
      case 'd':
        fmt::format_to(put, "{:02}", c.day);
        break;
      case 'e':
        fmt::format_to(put, "{:2}", c.day);
        break;
      case 'H':
        fmt::format_to(put, "{:02}", c.hour);
        break;
      case 'I':
        fmt::format_to(put, "{:02}", c.hour % 12 == 0 ? 12 : c.hour % 12);
        break;
      case 'M':
        fmt::format_to(put, "{:02}", c.minute);
        break;
      case 'S':
        fmt::format_to(put, "{:02}", c.second);
        break;
      case 'f':
        fmt::format_to(put, "{:06}", c.micros);
        break;
      case 'p':
        out += c.hour < 12 ? "AM" : "PM";
        break;
      case 'j':
        fmt::format_to(put, "{:03}", c.year_day);
        break;
      case 'a':
        out += kWeekdays[static_cast<size_t>(c.weekday)].substr(0, 3);
        break;
      case 'A':
        out += kWeekdays[static_cast<size_t>(c.weekday)];
        break;
      case 'b':
        out += kMonths[static_cast<size_t>(c.month - 1)].substr(0, 3);
        break;
      case 'B':
        out += kMonths[static_cast<size_t>(c.month - 1)];
        break;
      case 'w':
        fmt::format_to(put, "{}", (c.weekday + 1) % 7);
        break;
      case 'u':
        fmt::format_to(put, "{}", c.weekday + 1);
        break;
      case 'U':
        fmt::format_to(put, "{:02}", (c.year_day + 6 - (c.weekday + 1) % 7) / 7);
        break;
      case 'W':
        fmt::format_to(put, "{:02}", (c.year_day + 6 - c.weekday) / 7);
        break;
      case 'G':
      case 'V': {
        const auto week = Day::of(c.year, static_cast<unsigned>(c.month), static_cast<unsigned>(c.day)).iso_week();
        out += directive == 'G' ? week.substr(0, 4) : week.substr(6);
        break;
      }
      case 'F':
        fmt::format_to(put, "{:04}-{:02}-{:02}", c.year, c.month, c.day);
        break;
      case 'T':
        fmt::format_to(put, "{:02}:{:02}:{:02}", c.hour, c.minute, c.second);
        break;
      case 's':
        fmt::format_to(put, "{}", floor_div(at.micros, 1000000));
        break;
      case 'z':
        if (!at.date_only) out += offset_text(at.offset_seconds, false);
        break;
      case 'Z':
        if (!at.date_only) out += at.offset_seconds == 0 ? "UTC" : "UTC" + offset_text(at.offset_seconds, true);
        break;
      case '%':
        out += '%';
        break;
      default:
        out += '%';
        out += directive;
    }
  }
  return out;
}

// Walks the text while the format is read.
class Matcher {
 public:
  Matcher(std::string_view text) : text_(text) {}

  bool literal(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // 1..max digits; false when there is none.
  bool digits(size_t max, int& value) {
    const size_t start = at_;
    value = 0;
    while (at_ < text_.size() && at_ - start < max && text_[at_] >= '0' && text_[at_] <= '9')
      value = value * 10 + (text_[at_++] - '0');
    return at_ > start;
  }

  bool fraction(int& micros) {
    const size_t start = at_;
    int value = 0;
    if (!digits(6, value)) return false;
    for (size_t n = at_ - start; n < 6; ++n) value *= 10;
    micros = value;
    return true;
  }

  bool epoch(int digits_behind, int64_t& micros) {
    size_t end = at_;
    if (end < text_.size() && text_[end] == '-') ++end;
    while (end < text_.size() && ((text_[end] >= '0' && text_[end] <= '9') || text_[end] == '.')) ++end;
    const auto number = Decimal::parse(text_.substr(at_, end - at_));
    if (!number) return false;
    const Decimal scaled{number->units, number->scale};
    const auto shifted = multiply(scaled, Decimal{digits_behind == 6 ? 1 : digits_behind == 3 ? 1000 : 1000000, 0});
    if (!shifted) return false;
    const auto whole = truncated(*shifted).to_int64();
    if (!whole || *whole > 250000000000000000LL || *whole < -60000000000000000LL) return false;
    micros = *whole;
    at_ = end;
    return true;
  }

  bool zone(int32_t& offset) {
    if (at_ < text_.size() && (text_[at_] == 'Z' || text_[at_] == 'z')) {
      ++at_;
      offset = 0;
      return true;
    }
    size_t end = at_;
    if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
    while (end < text_.size() && end - at_ < 6 && ((text_[end] >= '0' && text_[end] <= '9') || text_[end] == ':'))
      ++end;
    const auto parsed = parse_zone(text_.substr(at_, end - at_));
    if (!parsed) return false;
    offset = *parsed;
    at_ = end;
    return true;
  }

  bool word(std::string_view full, size_t length) {
    const std::string_view name = full.substr(0, length);
    if (text_.size() - at_ < name.size()) return false;
    for (size_t i = 0; i < name.size(); ++i)
      if ((text_[at_ + i] | 0x20) != (name[i] | 0x20)) return false;
    at_ += name.size();
    return true;
  }

  bool done() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

bool valid(const CivilTime& c) {
  if (c.month < 1 || c.month > 12 || c.day < 1 || c.year < 1 || c.year > 9999) return false;
  const std::chrono::year_month_day ymd{std::chrono::year{c.year}, std::chrono::month{static_cast<unsigned>(c.month)},
                                        std::chrono::day{static_cast<unsigned>(c.day)}};
  return ymd.ok() && c.hour < 24 && c.minute < 60 && c.second < 61;
}

}  // namespace

std::string strftime_text(const DateTime& at, std::string_view format) { return format_text(at, format, false); }

std::string format_datetime_text(const DateTime& at, std::string_view format) { return format_text(at, format, true); }

std::string iso_text(const DateTime& at) {
  if (at.date_only) return strftime_text(at, "%Y-%m-%d");
  std::string out = strftime_text(at, civil_time(at).micros == 0 ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dT%H:%M:%S.%f");
  return out + offset_text(at.offset_seconds, true);
}

std::string printed_text(const DateTime& at) {
  if (at.date_only) return strftime_text(at, "%Y-%m-%d");
  return strftime_text(at, "%Y-%m-%d %H:%M:%S.%f") + offset_text(at.offset_seconds, true);
}

std::optional<DateTime> parse_datetime(std::string_view text, std::string_view format) {
  Matcher in(text);
  CivilTime c;
  int32_t offset = 0;
  int half = -1;  // 0 = AM, 1 = PM
  std::optional<int64_t> epoch;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      if (!in.literal(format[i])) return std::nullopt;
      continue;
    }
    size_t length = 0;
    const Epoch kind = epoch_directive(format.substr(i + 1), length);
    if (kind != Epoch::none) {
      i += length;
      int64_t micros = 0;
      const int behind = kind == Epoch::millis ? 3 : kind == Epoch::micros ? 6 : 0;
      if (!in.epoch(behind, micros)) return std::nullopt;
      epoch = micros;
      continue;
    }
    bool ok = true;
    switch (format[++i]) {
      case 'Y':
        ok = in.digits(4, c.year);
        break;
      case 'y':
        ok = in.digits(2, c.year);
        c.year += c.year < 69 ? 2000 : 1900;
        break;
      case 'm':
        ok = in.digits(2, c.month);
        break;
      case 'd':
      case 'e':
        ok = in.digits(2, c.day);
        break;
      case 'H':
      case 'I':
        ok = in.digits(2, c.hour);
        break;
      case 'M':
        ok = in.digits(2, c.minute);
        break;
      case 'S':
        ok = in.digits(2, c.second);
        break;
      case 'f':
        ok = in.fraction(c.micros);
        break;
      case 'z':
        ok = in.zone(offset);
        break;
      case 'p':
        half = in.word("AM", 2) ? 0 : in.word("PM", 2) ? 1 : -1;
        ok = half >= 0;
        break;
      case 'b':
      case 'B': {
        const bool full = format[i] == 'B';
        ok = false;
        for (size_t m = 0; m < kMonths.size() && !ok; ++m)
          if (in.word(kMonths[m], full ? kMonths[m].size() : 3)) {
            c.month = static_cast<int>(m) + 1;
            ok = true;
          }
        break;
      }
      case 'a':
      case 'A': {
        const bool full = format[i] == 'A';
        ok = false;
        for (const std::string_view day : kWeekdays)
          if (!ok && in.word(day, full ? day.size() : 3)) ok = true;
        break;
      }
      case '%':
        ok = in.literal('%');
        break;
      default:
        return std::nullopt;
    }
    if (!ok) return std::nullopt;
  }
  if (!in.done()) return std::nullopt;
  if (epoch) return DateTime{*epoch, 0, false};
  if (half >= 0) c.hour = c.hour % 12 + half * 12;
  if (!valid(c)) return std::nullopt;
  return from_civil_time(c, offset);
}

std::optional<DateTime> parse_iso_datetime(std::string_view text) {
  if (text.size() < 10) return std::nullopt;
  std::string format = "%Y-%m-%d";
  if (!Day::parse(text.substr(0, 10))) return std::nullopt;
  if (text.size() > 10) {
    format += text[10] == 'T' ? "T%H:%M" : " %H:%M";
    const size_t zone = text.find_first_of("Zz+-", 11);
    const std::string_view clock = text.substr(11, zone == text.npos ? text.npos : zone - 11);
    if (std::count(clock.begin(), clock.end(), ':') == 2) format += ":%S";
    if (clock.find('.') != clock.npos) {
      // Python keeps microseconds; finer digits are cut.
      const size_t fraction = clock.size() - clock.find('.') - 1;
      if (fraction > 6) {
        const size_t cut = 11 + clock.find('.') + 7;
        return parse_iso_datetime(std::string(text.substr(0, cut)) +
                                  std::string(zone == text.npos ? "" : text.substr(zone)));
      }
      format += ".%f";
    }
    if (zone != text.npos) format += "%z";
  }
  return parse_datetime(text, format);
}

}  // namespace sujip
