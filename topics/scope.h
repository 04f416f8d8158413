#pragma once
// What is collected and replaced as a whole, and one attempt at it.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/calendar.h"

namespace sujip {

// (source, account, dataset) or (source, account, dataset, slice); the slice is a date ("2011-01-05")
// or a section ("CPU").
struct Scope {
  std::string source;
  std::string account;
  std::string dataset;
  std::string slice;  // may be empty

  // "source/account/dataset[/slice]"; '/', '%' and control characters in a part are percent-encoded.
  std::string subject() const;
  static std::optional<Scope> parse(std::string_view subject);
  friend bool operator==(const Scope&, const Scope&) = default;
};

// A run of a scope. A newer run (by snapshot, then by acceptance) overtakes an older one.
// Text: "20200705T084436000Z-18f3a2b4c5d": UTC of the snapshot, then `seq` as hex. The text sorts as
// the run does while seq has as many digits.
struct RunId {
  TimeMs snapshot_ms = 0;
  int64_t seq = 0;  // milliseconds of acceptance, strictly growing within one collector

  std::string str() const;
  static std::optional<RunId> parse(std::string_view text);
  bool empty() const { return snapshot_ms == 0 && seq == 0; }
  friend auto operator<=>(const RunId&, const RunId&) = default;
};

}  // namespace sujip
