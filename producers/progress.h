#pragma once
// What a collector shows while it works: a line on the terminal each second, or a log line each five.

#include <chrono>
#include <string>

#include "producers/files/feed_publisher.h"

namespace sujip {

class Progress {
 public:
  // `forced`: the terminal line although stderr is none (then as lines).
  explicit Progress(bool forced);

  void show(const std::string& source, const feeds::FeedCounts& counts, size_t done, size_t total);
  // The last state, and the end of the terminal line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void print();

  bool terminal_;
  bool forced_;
  bool shown_ = false;
  bool pending_ = false;
  Clock::time_point last_;
  int64_t last_rows_ = 0;
  std::string source_;
  int64_t rows_ = 0;
  size_t refused_ = 0, done_ = 0, total_ = 0;
};

}  // namespace sujip
