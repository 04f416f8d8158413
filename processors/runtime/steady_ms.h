#pragma once
// Milliseconds of a clock that never jumps: for intervals and deadlines of lanes.

#include <chrono>
#include <cstdint>

namespace sujip {

inline int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace sujip
