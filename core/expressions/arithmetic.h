#pragma once
// Decimal arithmetic that notices overflow: nullopt when a result needs more than 37 digits.
// Products and quotients keep 18 digits behind the point, rounded half away from zero.

#include <compare>
#include <optional>

#include "core/decimal.h"

namespace sujip {

std::optional<Decimal> add(const Decimal& a, const Decimal& b);
std::optional<Decimal> subtract(const Decimal& a, const Decimal& b);
std::optional<Decimal> multiply(const Decimal& a, const Decimal& b);
// b must not be zero.
std::optional<Decimal> quotient(const Decimal& a, const Decimal& b);
// Python's floor division and modulo (the remainder has the sign of b); b must not be zero.
std::optional<Decimal> floor_quotient(const Decimal& a, const Decimal& b);
std::optional<Decimal> modulo(const Decimal& a, const Decimal& b);
std::optional<Decimal> power(const Decimal& base, int64_t exponent);

// Never overflows, unlike aligning both sides to one scale.
std::strong_ordering compare(const Decimal& a, const Decimal& b);

// Towards zero / minus infinity / plus infinity.
Decimal truncated(const Decimal& a);
Decimal floored(const Decimal& a);
Decimal ceiled(const Decimal& a);

// Exact when possible, else rounded to 18 digits behind the point; nullopt when not a JSON-like
// number or larger than 37 digits.
std::optional<Decimal> parse_rounded(std::string_view text);

}  // namespace sujip
