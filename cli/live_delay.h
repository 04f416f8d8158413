#pragma once
// How long data are on their way from the raw topics into the tables that readers see. By Little's
// law: what lies between readers and the ends of their topics, divided by what comes in. Markers of
// transactions are in both.

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

#include "cli/positions.h"

namespace sujip {

class LiveDelay {
 public:
  using Clock = std::chrono::steady_clock;

  static Result<LiveDelay> open(const Settings& settings, const std::vector<topics::Generation>& live);

  // Looks at where everybody stands; asks the broker some questions and the database one.
  Status look();
  // Leaves out of the delay what was seen before.
  void forget() { looks_.clear(); }
  // Whether there were looks enough to say anything.
  bool is_known() const { return looks_.size() >= kEnough; }
  // Seconds, from the looks of the last seconds; none while (almost) nothing comes in.
  std::optional<double> seconds() const;
  // Records a second that come into the raw topics, from the same looks.
  double incoming() const;

 private:
  static constexpr size_t kEnough = 4;

  // Of one reader, all its partitions together.
  struct Stand {
    Clock::time_point at;
    int64_t behind = 0, end = 0;
  };
  using Look = std::vector<Stand>;  // of each reader

  explicit LiveDelay(Positions positions) : positions_(std::move(positions)) {}
  double rate(size_t reader) const;

  Positions positions_;
  std::deque<Look> looks_;
};

}  // namespace sujip
