#pragma once
// The thread that holds the session with PostgreSQL and writes one shipment at a time, until it is
// known what became of it. While it waits for the database, its reader collects and decodes the
// next one.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/postgres/connection.h"
#include "sinks/postgres/flush.h"
#include "sinks/postgres/shipment.h"

namespace sujip::sink {

// What became of a shipment.
struct Landed {
  std::unique_ptr<Shipment> shipment;
  bool committed = false;
  // What was read behind it must be read again, from where the database stands.
  bool rewind = false;
  // Partitions that are not ours any more, and why.
  std::vector<std::pair<kafka::TopicPartition, std::string>> lost;
  double seconds = 0;
};

class Writer {
 public:
  Writer(int number, std::string pg, const Progress& progress, DeadLetters& dead);
  ~Writer();

  void start();
  // An attempt that fails from now on is the last one; what is under way may still be committed.
  void hurry();
  void stop();  // hurries, and ends the thread after what is under way

  // Nothing under way and nothing to be taken.
  bool idle() const;
  // Only while idle.
  void write(std::unique_ptr<Shipment> shipment);
  // What has landed. `wait`: for what is under way, if anything is.
  std::optional<Landed> take(bool wait);
  // The session, for short statements of the reader; only while idle. Null: not connected.
  pg::Connection* session();

 private:
  enum class Truth : uint8_t { committed, not_committed, rewind, unknown };

  void run();
  void land(Landed& landed);
  // After an unclear end: asks the database where each partition stands.
  Truth find_out(Landed& landed);
  void repair(FlushResult& result, const Prepared& prepared);
  bool connect();                               // tries until it works or there is no time left
  bool pause(const Error& error, int attempt);  // false: no time left
  void count_failure(const FlushResult& result, const Prepared& prepared);

  const int number_;
  const std::string pg_;
  const Progress* progress_;
  Flush flush_;
  std::optional<pg::Connection> connection_;
  std::string told_;  // the error that was logged last

  std::thread thread_;
  std::atomic<bool> hurry_{false};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::unique_ptr<Shipment> next_;
  bool busy_ = false;
  std::optional<Landed> landed_;
};

}  // namespace sujip::sink
