#include "core/decimal.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sujip {
namespace {

constexpr int kMaxDigits = 38;

constexpr Int128 power_of_ten(int n) {
  Int128 p = 1;
  for (int i = 0; i < n; ++i) p *= 10;
  return p;
}

// Aligns both to the larger scale and hands the units over.
template <class F>
auto aligned(const Decimal& a, const Decimal& b, F f) {
  if (a.scale == b.scale) return f(a.units, b.units, a.scale);
  if (a.scale < b.scale) return f(a.units * power_of_ten(b.scale - a.scale), b.units, b.scale);
  return f(a.units, b.units * power_of_ten(a.scale - b.scale), a.scale);
}

Int128 divide_half_away(Int128 n, Int128 d) {
  const Int128 q = n / d;
  const Int128 r = n % d;
  const Int128 twice = (r < 0 ? -r : r) * 2;
  if (twice < (d < 0 ? -d : d)) return q;
  return ((n < 0) == (d < 0)) ? q + 1 : q - 1;
}

}  // namespace

std::string to_string(Int128 value) {
  std::string out;
  append_decimal(out, value, 0);
  return out;
}

std::optional<Decimal> Decimal::parse(std::string_view text) {
  size_t i = 0;
  bool negative = false;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) negative = text[i++] == '-';
  Int128 units = 0;
  int digits = 0;
  int significant = 0;
  int scale = 0;
  bool point = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      if (point) return std::nullopt;
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    ++digits;
    if (units != 0 || c != '0') ++significant;
    if (significant > kMaxDigits - 1) return std::nullopt;
    units = units * 10 + (c - '0');
    if (point) ++scale;
  }
  if (digits == 0) return std::nullopt;
  int exponent = 0;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    bool exponent_negative = false;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) exponent_negative = text[i++] == '-';
    const size_t start = i;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      exponent = exponent * 10 + (text[i] - '0');
      if (exponent > 1000) return std::nullopt;
    }
    if (i == start) return std::nullopt;
    if (exponent_negative) exponent = -exponent;
  }
  if (i != text.size()) return std::nullopt;
  scale -= exponent;
  while (scale > 0 && units % 10 == 0 && scale > kMaxScale) {
    units /= 10;
    --scale;
  }
  if (units == 0) scale = std::clamp(scale, 0, kMaxScale);
  if (scale > kMaxScale) return std::nullopt;
  if (scale < 0) {
    if (significant - scale > kMaxDigits - 1) return std::nullopt;
    units *= power_of_ten(-scale);
    scale = 0;
  }
  return Decimal{negative ? -units : units, scale};
}

std::optional<Decimal> Decimal::rescaled(int target) const {
  if (target == scale) return *this;
  if (target > scale) {
    const Int128 p = power_of_ten(target - scale);
    const Int128 limit = power_of_ten(kMaxDigits - 1) / p;
    if (units > limit || units < -limit) return std::nullopt;
    return Decimal{units * p, target};
  }
  const Int128 p = power_of_ten(scale - target);
  if (units % p != 0) return std::nullopt;
  return Decimal{units / p, target};
}

Decimal Decimal::rounded(int target) const {
  if (target >= scale) return Decimal{units * power_of_ten(target - scale), target};
  return Decimal{divide_half_away(units, power_of_ten(scale - target)), target};
}

namespace {

// Digits of `rest` backwards from `end`, at least behind + 1 of them, a point before the last `behind`.
template <class Unsigned>
char* digits_before(char* end, Unsigned rest, int behind) {
  int written = 0;
  while (rest != 0 || written <= behind) {
    if (written == behind && behind > 0) *--end = '.';
    *--end = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    ++written;
  }
  return end;
}

}  // namespace

char* write_decimal(char* to, Int128 units, int scale) {
  std::array<char, kDecimalRoom> buffer;
  char* const end = buffer.data() + buffer.size();
  const bool negative = units < 0;
  unsigned __int128 rest = negative ? -static_cast<unsigned __int128>(units) : static_cast<unsigned __int128>(units);
  int behind = scale;
  char* at = nullptr;
  // Nearly every number fits, and a division of 128 bits costs as much as ten of 64.
  if (rest <= UINT64_MAX) {
    auto small = static_cast<uint64_t>(rest);
    for (; behind > 0 && small % 10 == 0; --behind) small /= 10;
    at = digits_before(end, small, behind);
  } else {
    for (; behind > 0 && rest % 10 == 0; --behind) rest /= 10;
    at = digits_before(end, rest, behind);
  }
  if (negative) *--at = '-';
  std::memcpy(to, at, static_cast<size_t>(end - at));
  return to + (end - at);
}

void append_decimal(std::string& out, Int128 units, int scale) {
  char text[kDecimalRoom];
  out.append(text, static_cast<size_t>(write_decimal(text, units, scale) - text));
}

void Decimal::append_to(std::string& out) const { append_decimal(out, units, scale); }

std::string Decimal::str() const {
  std::string out;
  append_to(out);
  return out;
}

bool Decimal::is_integer() const { return units % power_of_ten(scale) == 0; }

std::optional<int64_t> Decimal::to_int64() const {
  const auto whole = rescaled(0);
  if (!whole || whole->units > INT64_MAX || whole->units < INT64_MIN) return std::nullopt;
  return static_cast<int64_t>(whole->units);
}

Decimal operator+(const Decimal& a, const Decimal& b) {
  return aligned(a, b, [](Int128 x, Int128 y, int s) { return Decimal{x + y, s}; });
}

Decimal operator-(const Decimal& a, const Decimal& b) { return a + (-b); }

Decimal operator*(const Decimal& a, const Decimal& b) {
  Decimal product{a.units * b.units, a.scale + b.scale};
  while (product.scale > 0 && product.units % 10 == 0) {
    product.units /= 10;
    --product.scale;
  }
  return product.scale > Decimal::kMaxScale ? product.rounded(Decimal::kMaxScale) : product;
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
  return aligned(a, b, [](Int128 x, Int128 y, int) {
    return x < y ? std::strong_ordering::less : x > y ? std::strong_ordering::greater : std::strong_ordering::equal;
  });
}

Decimal divide(const Decimal& a, const Decimal& b, int scale) {
  // a/b * 10^scale = a.units * 10^(scale - a.scale + b.scale) / b.units
  const int shift = scale - a.scale + b.scale;
  if (shift >= 0) return {divide_half_away(a.units * power_of_ten(shift), b.units), scale};
  return {divide_half_away(a.units, b.units * power_of_ten(-shift)), scale};
}

bool parse_units(std::string_view t, int scale, int64_t& out) {
  size_t i = 0;
  const bool negative = !t.empty() && t[0] == '-';
  if (negative) i = 1;
  if (t.size() - i == 0 || t.size() - i > 18) return false;
  int64_t units = 0;
  int behind = -1;
  for (; i < t.size(); ++i) {
    const char c = t[i];
    if (c >= '0' && c <= '9') {
      units = units * 10 + (c - '0');
      if (behind >= 0) ++behind;
    } else if (c == '.' && behind < 0 && i + 1 < t.size() && i > (negative ? 1U : 0U)) {
      behind = 0;
    } else {
      return false;
    }
  }
  if (behind < 0) behind = 0;
  for (; behind < scale; ++behind)
    if (__builtin_mul_overflow(units, int64_t{10}, &units)) return false;
  if (behind > scale) return false;
  out = negative ? -units : units;
  return true;
}

}  // namespace sujip
