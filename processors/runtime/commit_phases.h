#pragma once
// Observes how long each part of a commit takes: transaction_phase_seconds.

#include <chrono>

#include "core/metrics.h"

namespace sujip {

class CommitPhases {
 public:
  // The time since the phase before, or since this object was made.
  void ended(const char* phase) {
    const auto now = std::chrono::steady_clock::now();
    metrics::histogram("transaction_phase_seconds", {{"phase", phase}})
        .Observe(std::chrono::duration<double>(now - began_).count());
    began_ = now;
  }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace sujip
