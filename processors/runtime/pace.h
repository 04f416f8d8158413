#pragma once
// How many records a second lanes may read, all lanes that share it together. For work that must
// not be in the way of other work. Safe to use from many threads.

#include <chrono>
#include <cstddef>
#include <mutex>

namespace sujip {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  // Above 0. Until it is called there is no limit.
  void set(double records_per_second, Clock::time_point now = Clock::now());
  // How many of `most` may be read now; 0: none yet.
  size_t grant(size_t most, Clock::time_point now = Clock::now());
  // These were granted and not there to be read.
  void put_back(size_t records);

 private:
  void fill(Clock::time_point now);
  double burst() const;

  std::mutex mutex_;
  double rate_ = 0;  // 0: no limit
  double saved_ = 0;
  Clock::time_point filled_at_;
};

}  // namespace sujip
