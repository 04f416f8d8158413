#include "processors/runtime/pace.h"

#include <algorithm>

namespace sujip {
namespace {

constexpr double kBurstSeconds = 0.05;  // of the rate: what may be read at once after a pause

}  // namespace

double Pace::burst() const { return std::max(1.0, rate_ * kBurstSeconds); }

void Pace::fill(Clock::time_point now) {
  if (now <= filled_at_) return;  // somebody else came first with a later time
  saved_ = std::min(burst(), saved_ + rate_ * std::chrono::duration<double>(now - filled_at_).count());
  filled_at_ = now;
}

void Pace::set(double records_per_second, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (rate_ == 0) filled_at_ = now;
  fill(now);
  rate_ = records_per_second;
}

size_t Pace::grant(size_t most, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (rate_ == 0) return most;
  fill(now);
  const size_t granted = std::min(most, static_cast<size_t>(saved_));
  saved_ -= static_cast<double>(granted);
  return granted;
}

void Pace::put_back(size_t records) {
  const std::lock_guard lock(mutex_);
  saved_ = std::min(burst(), saved_ + static_cast<double>(records));
}

}  // namespace sujip
