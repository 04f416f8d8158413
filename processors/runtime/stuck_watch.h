#pragma once
// Ends the process when a lane does not come back from a call of the Kafka client. Such calls have been seen to wait
// far beyond the time they were given (rd_kafka_send_offsets_to_transaction, librdkafka issue 5456: ten minutes after a
// broker had lost its coordinator for a while), and nothing can interrupt them. Nothing is lost by an end: what is not
// committed is done again by whoever starts next.

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "processors/runtime/steady_ms.h"

namespace sujip {

class StuckWatch {
 public:
  struct Limits {  // how long may take: a round of a lane; the end of all lanes that are told to stop
    // By then the group has given the lane's partitions to others (max.poll.interval.ms).
    std::chrono::milliseconds round = std::chrono::minutes(5);
    std::chrono::milliseconds stop = std::chrono::minutes(1);
  };

  explicit StuckWatch(Limits limits);
  StuckWatch() : StuckWatch(Limits()) {}
  ~StuckWatch();

  // One lane's sign of life, from its own thread. It is no longer looked at once the object is gone.
  class Beat {
   public:
    explicit Beat(std::string name) : name_(std::move(name)) { round(); }
    // A round begins.
    void round() { at_ = steady_ms(); }

   private:
    friend class StuckWatch;
    std::string name_;
    std::atomic<int64_t> at_ = 0;  // steady ms
  };
  std::shared_ptr<Beat> watch(std::string name);
  // The lanes are told to stop: from now on only their end counts.
  void stopping() { stopped_at_ = steady_ms(); }

 private:
  void run(const std::stop_token& stop);
  void look();
  void begin_anew(int64_t now);

  const Limits limits_;
  std::atomic<int64_t> stopped_at_ = 0;  // steady ms; 0: not yet
  std::mutex mutex_;
  std::deque<std::weak_ptr<Beat>> beats_;
  std::jthread thread_;
};

}  // namespace sujip
