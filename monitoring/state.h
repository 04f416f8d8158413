#pragma once
// The states of a slice: one list for SQL (sql/020_monitoring.sql), page, metrics and rules.

#include <array>
#include <string_view>

namespace sujip::monitoring {

struct State {
  std::string_view code;
  std::string_view glyph;  // never colour alone
  int severity;            // a roll-up shows the worst
};

// Worst first.
inline constexpr std::array<State, 11> kStates = {{
    {"failed", "!", 10},
    {"missing", "✕", 9},
    {"held", "‖", 8},
    {"late", "▲", 7},
    {"partial", "◐", 6},
    {"running", "…", 5},
    {"pending", "·", 4},
    {"restated", "◆", 3},
    {"collected", "●", 2},
    {"empty", "○", 1},
    {"excluded", "–", 0},
}};

// An unknown code is shown as failed: it must not look well.
constexpr const State& state_of(std::string_view code) {
  for (const State& state : kStates)
    if (state.code == code) return state;
  return kStates[0];
}

// Past its deadline and not in the tables.
constexpr bool is_overdue(std::string_view code) { return code == "missing" || code == "failed" || code == "held"; }
constexpr bool is_done(std::string_view code) { return code == "collected" || code == "restated" || code == "empty"; }

}  // namespace sujip::monitoring
