#include "core/expressions/arithmetic.h"

#include <algorithm>
#include <string>

namespace sujip {
namespace {

constexpr Int128 power_of_ten(int n) {
  Int128 p = 1;
  for (int i = 0; i < n; ++i) p *= 10;
  return p;
}

constexpr Int128 kLimit = power_of_ten(37);

bool fits(Int128 units) { return units < kLimit && units > -kLimit; }

// Brings `a` to a larger scale; false on overflow.
bool widen(Decimal& a, int scale) {
  if (a.scale >= scale) return true;
  Int128 units;
  if (__builtin_mul_overflow(a.units, power_of_ten(scale - a.scale), &units)) return false;
  a = {units, scale};
  return true;
}

void shorten(Decimal& a, int smallest_scale) {
  while (a.scale > smallest_scale && a.units % 10 == 0) {
    a.units /= 10;
    --a.scale;
  }
}

// Aligning may overflow although the values are fine; without trailing zeros it rarely does.
std::optional<Decimal> combine(Decimal a, Decimal b, bool minus) {
  const int scale = std::max(a.scale, b.scale);
  shorten(a, 0);
  shorten(b, 0);
  const int aligned = std::max(a.scale, b.scale);
  if (!widen(a, aligned) || !widen(b, aligned)) return std::nullopt;
  Int128 units;
  const bool overflow =
      minus ? __builtin_sub_overflow(a.units, b.units, &units) : __builtin_add_overflow(a.units, b.units, &units);
  if (overflow || !fits(units)) return std::nullopt;
  Decimal sum{units, aligned};
  // Keeps "has a fraction part" alive: 0.5 + 0.5 is 1.0, not 1.
  if (scale > 0 && sum.scale == 0 && !widen(sum, 1)) return std::nullopt;
  return sum;
}

}  // namespace

std::optional<Decimal> add(const Decimal& a, const Decimal& b) { return combine(a, b, false); }
std::optional<Decimal> subtract(const Decimal& a, const Decimal& b) { return combine(a, b, true); }

std::optional<Decimal> multiply(const Decimal& a, const Decimal& b) {
  const bool fraction = a.scale > 0 || b.scale > 0;
  Decimal x = a;
  Decimal y = b;
  shorten(x, 0);
  shorten(y, 0);
  Int128 units;
  if (__builtin_mul_overflow(x.units, y.units, &units)) return std::nullopt;
  Decimal product{units, x.scale + y.scale};
  shorten(product, 0);
  if (product.scale > Decimal::kMaxScale) product = product.rounded(Decimal::kMaxScale);
  if (!fits(product.units)) return std::nullopt;
  if (fraction && product.scale == 0 && !widen(product, 1)) return std::nullopt;
  return product;
}

std::optional<Decimal> quotient(const Decimal& a, const Decimal& b) {
  using Wide = unsigned __int128;
  const bool negative = (a.units < 0) != (b.units < 0);
  const Wide n = a.units < 0 ? -static_cast<Wide>(a.units) : static_cast<Wide>(a.units);
  const Wide d = b.units < 0 ? -static_cast<Wide>(b.units) : static_cast<Wide>(b.units);
  Wide q = n / d;
  Wide r = n % d;
  // Long division, one decimal digit at a time: 10^shift * n would not fit.
  for (int shift = Decimal::kMaxScale - a.scale + b.scale; shift > 0; --shift) {
    if (r > ~Wide{0} / 10) return std::nullopt;
    r *= 10;
    if (q > static_cast<Wide>(kLimit)) return std::nullopt;
    q = q * 10 + r / d;
    r %= d;
  }
  if (r >= d - r) ++q;
  if (q >= static_cast<Wide>(kLimit)) return std::nullopt;
  Decimal result{negative ? -static_cast<Int128>(q) : static_cast<Int128>(q), Decimal::kMaxScale};
  shorten(result, 1);
  return result;
}

std::optional<Decimal> floor_quotient(const Decimal& a, const Decimal& b) {
  Decimal x = a;
  Decimal y = b;
  const int scale = std::max(a.scale, b.scale);
  if (!widen(x, scale) || !widen(y, scale)) return std::nullopt;
  Int128 q = x.units / y.units;
  if (x.units % y.units != 0 && (x.units < 0) != (y.units < 0)) --q;
  if (!fits(q)) return std::nullopt;
  Decimal result{q, 0};
  if (scale > 0 && !widen(result, 1)) return std::nullopt;
  return result;
}

std::optional<Decimal> modulo(const Decimal& a, const Decimal& b) {
  Decimal x = a;
  Decimal y = b;
  const int scale = std::max(a.scale, b.scale);
  if (!widen(x, scale) || !widen(y, scale)) return std::nullopt;
  Int128 r = x.units % y.units;
  if (r != 0 && (r < 0) != (y.units < 0)) r += y.units;
  return Decimal{r, scale};
}

std::optional<Decimal> power(const Decimal& base, int64_t exponent) {
  if (exponent < 0 || exponent > 1000) return std::nullopt;
  std::optional<Decimal> result = Decimal::of(1);
  for (int64_t i = 0; i < exponent && result; ++i) result = multiply(*result, base);
  return result;
}

std::strong_ordering compare(const Decimal& a, const Decimal& b) {
  if (a.scale == b.scale) return a.units <=> b.units;
  const Int128 pa = power_of_ten(a.scale);
  const Int128 pb = power_of_ten(b.scale);
  // C++ division truncates, so the fractions carry the sign; equal wholes leave them to decide.
  if (const auto whole = a.units / pa <=> b.units / pb; whole != 0) return whole;
  return (a.units % pa) * power_of_ten(Decimal::kMaxScale - a.scale) <=>
         (b.units % pb) * power_of_ten(Decimal::kMaxScale - b.scale);
}

Decimal truncated(const Decimal& a) { return {a.units / power_of_ten(a.scale), 0}; }

Decimal floored(const Decimal& a) {
  Decimal whole = truncated(a);
  if (a.units < 0 && a.units % power_of_ten(a.scale) != 0) --whole.units;
  return whole;
}

Decimal ceiled(const Decimal& a) {
  Decimal whole = truncated(a);
  if (a.units > 0 && a.units % power_of_ten(a.scale) != 0) ++whole.units;
  return whole;
}

std::optional<Decimal> parse_rounded(std::string_view text) {
  if (const auto exact = Decimal::parse(text)) return exact;
  // Cut the digits that cannot be kept: read the number as integer digits and an exponent.
  size_t i = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) ++i;
  std::string digits;
  int point = 0;
  bool seen_point = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.' && !seen_point) {
      seen_point = true;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    digits.push_back(text[i]);
    if (!seen_point) ++point;
  }
  if (digits.empty()) return std::nullopt;
  if (i < text.size()) {
    const auto exponent = Decimal::parse(text.substr(i + 1));
    if (!exponent || exponent->scale != 0) return std::nullopt;
    const auto e = exponent->to_int64();
    if (!e || *e > 400 || *e < -400) return std::nullopt;
    point += static_cast<int>(*e);
  }
  // digits[0..point) are before the point; one digit more than kMaxScale behind it is for rounding.
  if (point < 0) {
    digits.insert(0, static_cast<size_t>(-point), '0');
    point = 0;
  }
  const size_t keep = static_cast<size_t>(point) + Decimal::kMaxScale;
  if (digits.size() <= keep) return std::nullopt;  // not too precise, hence too large
  const bool up = digits[keep] >= '5';
  digits.resize(keep);
  Int128 units = 0;
  for (const char c : digits) {
    if (!fits(units) || units > kLimit / 10) return std::nullopt;
    units = units * 10 + (c - '0');
  }
  if (up) ++units;
  if (!fits(units)) return std::nullopt;
  Decimal result{negative ? -units : units, Decimal::kMaxScale};
  shorten(result, 1);
  return result;
}

}  // namespace sujip
