#pragma once
// Reads the state of all slices every few seconds, keeps the newest as a snapshot for the board, tells
// the browsers that something changed, and exports the health metrics.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "core/http/server.h"
#include "core/settings.h"
#include "monitoring/board_data.h"

namespace sujip::monitoring {

struct Snapshot {
  std::shared_ptr<const BoardData> data;  // null until the first reading
  bool stale = false;                     // the last reading failed
};

class Evaluator {
 public:
  struct Options {
    std::string pg;
    std::chrono::milliseconds every{1000};  // look for changes
    std::chrono::seconds at_least{10};      // read all: states also change with the clock
  };

  // `hub` must outlive the evaluator.
  Evaluator(Options options, http::EventHub& hub);
  ~Evaluator();

  void start();
  void stop();
  Snapshot snapshot() const;

  // One reading now; used by the thread and by `sujip monitor --once`.
  Status evaluate(pg::Connection& connection);

 private:
  void loop();
  Status round(std::optional<pg::Connection>& connection);

  Options options_;
  http::EventHub& hub_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Snapshot snapshot_;
  std::string fingerprint_;
  std::chrono::steady_clock::time_point evaluated_{};
  std::shared_ptr<class HealthMetrics> metrics_;
  std::thread thread_;
};

}  // namespace sujip::monitoring
