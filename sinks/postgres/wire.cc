#include "sinks/postgres/wire.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/calendar.h"

namespace sujip::sink {
namespace {

constexpr int32_t kDay2000 = 10957;  // days from 1970 to 2000
constexpr int64_t kSecondUs = 1'000'000;
constexpr size_t kLongestNumber = 1000;  // characters
constexpr uint16_t kNegative = 0x4000;   // numeric's sign

template <class Int>
char* write_big_endian(char* out, Int value) {
  for (size_t i = 0; i < sizeof value; ++i)
    out[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof value - 1 - i)));
  return out + sizeof value;
}

template <class Int>
char* write_integer(char* out, std::string_view text) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return nullptr;
  return write_big_endian(out, value);
}

char* write_double(char* out, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return nullptr;
  return write_big_endian(out, std::bit_cast<uint64_t>(value));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The digit at a decimal place: 0 is that of ones, -1 that of tenths.
struct Digits {
  std::string_view whole, part;
  unsigned at(int place) const {
    const std::string_view& side = place >= 0 ? whole : part;
    const size_t i = place >= 0 ? whole.size() - 1 - static_cast<size_t>(place)
                                : static_cast<size_t>(-1 - place);
    return i < side.size() ? static_cast<unsigned>(side[i] - '0') : 0;
  }
};

// numeric_recv: count of groups, weight of the first one, sign, places behind the point, groups.
char* write_numeric(char* out, std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > kLongestNumber) return nullptr;
  Digits digits;
  size_t i = 0;
  while (i < text.size() && is_digit(text[i])) ++i;
  digits.whole = text.substr(0, i);
  if (i < text.size()) {
    if (text[i] != '.') return nullptr;
    digits.part = text.substr(i + 1);
    for (const char c : digits.part)
      if (!is_digit(c)) return nullptr;
  }
  if (digits.whole.empty()) return nullptr;
  int first = (static_cast<int>(digits.whole.size()) + 3) / 4 - 1;
  const int last = -((static_cast<int>(digits.part.size()) + 3) / 4);
  char* const groups = out + 8;
  char* end = groups;
  int filled = 0;  // without the zeroes at the end
  for (int group = first; group >= last; --group) {
    unsigned value = 0;
    for (int place = 4 * group + 3; place >= 4 * group; --place) {
      const bool beyond = place >= static_cast<int>(digits.whole.size());
      value = value * 10 + (beyond ? 0 : digits.at(place));
    }
    if (value == 0 && end == groups) {
      first = group - 1;
      continue;
    }
    end = write_big_endian(end, static_cast<int16_t>(value));
    if (value != 0) filled = static_cast<int>(end - groups) / 2;
  }
  if (filled == 0) first = 0;
  out = write_big_endian(out, static_cast<int16_t>(filled));
  out = write_big_endian(out, static_cast<int16_t>(first));
  out = write_big_endian(out, filled > 0 && negative ? kNegative : uint16_t{0});
  write_big_endian(out, static_cast<int16_t>(digits.part.size()));
  return groups + 2 * static_cast<ptrdiff_t>(filled);
}

std::optional<int32_t> days_since_2000(std::string_view text) {
  const auto day = Day::parse(text);
  if (!day || text.starts_with("0000")) return std::nullopt;
  return day->since_epoch - kDay2000;
}

std::optional<int> two_digits(std::string_view text, size_t at, int highest) {
  if (at + 2 > text.size() || !is_digit(text[at]) || !is_digit(text[at + 1])) return std::nullopt;
  const int value = (text[at] - '0') * 10 + (text[at + 1] - '0');
  return value <= highest ? std::optional(value) : std::nullopt;
}

// "+09:00", "+09", "Z": seconds ahead of UTC.
std::optional<int> zone_seconds(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 3 && (text.size() != 6 || text[3] != ':')) return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  const auto hours = two_digits(text, 1, 14);
  const auto minutes = text.size() == 6 ? two_digits(text, 4, 59) : std::optional(0);
  if (!hours || !minutes) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (*hours * 3600 + *minutes * 60);
}

// "2011-01-05T08:26:00.000Z", or with a space; a time without a zone depends on the session.
std::optional<int64_t> micros_since_2000(std::string_view text) {
  if (text.size() < 20 || (text[10] != 'T' && text[10] != ' ')) return std::nullopt;
  const auto days = days_since_2000(text.substr(0, 10));
  const auto hours = two_digits(text, 11, 23);
  const auto minutes = two_digits(text, 14, 59);
  const auto seconds = two_digits(text, 17, 59);
  if (!days || !hours || !minutes || !seconds || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  size_t i = 19;
  int64_t micros = 0;
  if (text[i] == '.') {
    int64_t unit = kSecondUs;
    for (++i; i < text.size() && is_digit(text[i]); ++i) {
      unit /= 10;
      if (unit == 0) return std::nullopt;  // finer than a microsecond: the server rounds
      micros += unit * (text[i] - '0');
    }
    if (unit == kSecondUs) return std::nullopt;
  }
  const auto zone = zone_seconds(text.substr(i));
  if (!zone) return std::nullopt;
  const int64_t at = int64_t{*days} * 86400 + *hours * 3600 + *minutes * 60 + *seconds - *zone;
  return at * kSecondUs + micros;
}

}  // namespace

Wire wire_of(std::string_view type) {
  struct Known {
    std::string_view type;
    Wire wire;
  };
  constexpr Known kKnown[] = {{"text", Wire::text},
                              {"json", Wire::json},
                              {"jsonb", Wire::jsonb},
                              {"boolean", Wire::boolean},
                              {"smallint", Wire::smallint},
                              {"integer", Wire::integer},
                              {"bigint", Wire::bigint},
                              {"double precision", Wire::float8},
                              {"numeric", Wire::numeric},
                              {"date", Wire::date},
                              {"timestamp with time zone", Wire::timestamptz}};
  if (type.starts_with("character varying")) return Wire::text;
  if (type.starts_with("numeric(")) return Wire::numeric;
  for (const Known& known : kKnown)
    if (known.type == type) return known.wire;
  return Wire::none;
}

uint32_t oid_of(Wire wire) {
  switch (wire) {
    case Wire::json:
      return 114;
    case Wire::jsonb:
      return 3802;
    case Wire::boolean:
      return 16;
    case Wire::smallint:
      return 21;
    case Wire::integer:
      return 23;
    case Wire::bigint:
      return 20;
    case Wire::float8:
      return 701;
    case Wire::numeric:
      return 1700;
    case Wire::date:
      return 1082;
    case Wire::timestamptz:
      return 1184;
    case Wire::text:
    case Wire::none:
      break;
  }
  return 25;
}

char* write_wire(char* out, Wire wire, std::string_view text) {
  switch (wire) {
    case Wire::boolean:
      if (text != "true" && text != "false") return nullptr;
      *out = text == "true" ? 1 : 0;
      return out + 1;
    case Wire::smallint:
      return write_integer<int16_t>(out, text);
    case Wire::integer:
      return write_integer<int32_t>(out, text);
    case Wire::bigint:
      return write_integer<int64_t>(out, text);
    case Wire::float8:
      return write_double(out, text);
    case Wire::numeric:
      return write_numeric(out, text);
    case Wire::date: {
      const auto days = days_since_2000(text);
      return days ? write_big_endian(out, *days) : nullptr;
    }
    case Wire::timestamptz: {
      const auto micros = micros_since_2000(text);
      return micros ? write_big_endian(out, *micros) : nullptr;
    }
    default:
      return nullptr;
  }
}

}  // namespace sujip::sink
