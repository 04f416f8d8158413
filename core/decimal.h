#pragma once
// Exact decimals: an integer of 10^-scale units. No binary floating point on the way to a total.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sujip {

using Int128 = __int128;

std::string to_string(Int128 value);

struct Decimal {
  Int128 units = 0;  // value * 10^scale
  int scale = 0;     // digits behind the point, 0..kMaxScale

  static constexpr int kMaxScale = 18;

  static Decimal of(int64_t integer) { return {integer, 0}; }

  // Accepts "12", "-0.50", "+3", "1e3", "1.5E-2"; no grouping, no spaces. nullopt when the text is
  // not a number, has more than kMaxScale fractional digits, or does not fit 38 digits.
  static std::optional<Decimal> parse(std::string_view text);

  // The same value with exactly `target` digits behind the point; nullopt when digits would be lost
  // or the value overflows.
  std::optional<Decimal> rescaled(int target) const;
  // Rounds half away from zero when digits are lost.
  Decimal rounded(int target) const;

  // Plain notation without trailing zeros: "9747747.934", "-1566.23", "0".
  std::string str() const;
  void append_to(std::string& out) const;

  bool is_integer() const;
  bool is_zero() const { return units == 0; }
  // nullopt when not integral or outside of int64.
  std::optional<int64_t> to_int64() const;

  friend Decimal operator+(const Decimal& a, const Decimal& b);
  friend Decimal operator-(const Decimal& a, const Decimal& b);
  friend Decimal operator*(const Decimal& a, const Decimal& b);
  Decimal operator-() const { return {-units, scale}; }
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);
  friend bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == 0; }
};

// The units of "-123.45" with at most `scale` digits behind the point and 18 digits in all; false for anything else,
// which may be a number nevertheless.
bool parse_units(std::string_view text, int scale, int64_t& units);

// a / b rounded half away from zero to `scale` digits; b must not be zero.
Decimal divide(const Decimal& a, const Decimal& b, int scale);

// Appends units * 10^-scale in plain notation without trailing zeros.
void append_decimal(std::string& out, Int128 units, int scale);
// The same into memory of at least kDecimalRoom bytes; returns the end.
inline constexpr size_t kDecimalRoom = 48;
char* write_decimal(char* to, Int128 units, int scale);

}  // namespace sujip
