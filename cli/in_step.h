#pragma once
// Has a generation folded all that was in the raw topics at a moment? Follows the way of the data: what each
// reader has to reach is where its topics end when the reader before it has reached its own. One that
// writes into its own topics has to reach their end once more. So it comes to an end also while new data
// never stop.

#include <chrono>

#include "cli/positions.h"

namespace sujip {

class InStep {
 public:
  static Result<InStep> open(const Settings& settings, const topics::Generation& generation);

  // Begins anew, with where the raw topics end now.
  void restart();
  // One look; true from the moment on at which it has all.
  Result<bool> reached();

  struct Progress {
    int64_t read = 0;  // offsets of raw topics
    int64_t all = 0;
    int64_t to_write = 0;  // offsets the sink is behind
  };
  Result<Progress> progress();

 private:
  explicit InStep(Positions positions) : positions_(std::move(positions)) {}

  Positions positions_;
  size_t reader_ = 0;
  int pass_ = 0;  // of the reader
  std::chrono::steady_clock::time_point looked_closer_;
  std::map<kafka::TopicPartition, int64_t> goal_;  // of the reader; empty: to be asked for
};

}  // namespace sujip
