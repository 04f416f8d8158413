#pragma once
// One writer: a thread with its own consumer, its own session with PostgreSQL and a set of partitions.
// Keys of different partitions differ, so writers never wait for each other's rows.

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/kafka/consumer.h"
#include "sinks/postgres/batch.h"
#include "sinks/postgres/flush.h"
#include "sinks/postgres/prepare.h"
#include "sinks/postgres/progress.h"

namespace sujip::sink {

struct WorkerConfig {
  std::string kafka;
  std::string pg;
  size_t batch_rows = 20000;
  size_t batch_bytes = 32 << 20;
  int poll_ms = 10;          // the longest wait for more records, and so the latency when idle
  int queue_kbytes = 65536;  // prefetched by the consumer
};

class Worker {
 public:
  Worker(int number, WorkerConfig config, const Progress& progress, DeadLetters& dead);
  ~Worker();

  void start();
  void stop();  // asks; the thread flushes, gives its partitions back and ends
  void join();

  // Both return at once; the thread obeys between two polls.
  void give(const Claim& claim, const Target& target);
  void take_back(const kafka::TopicPartition& tp);

  // Partitions given and not taken back, lost or released.
  std::set<kafka::TopicPartition> holds() const;
  // Why the worker gave up for good; a person has to act.
  std::optional<Error> fatal() const;

 private:
  struct Partition {
    kafka::TopicPartition tp;
    const Target* target = nullptr;
    int64_t epoch = 0;
    int64_t from = 0;      // where the database stands
    int64_t position = 0;  // next offset to read
  };
  struct Command {
    Claim claim;
    const Target* target = nullptr;  // null: take back
  };

  void run();
  void obey();
  void add(const Command& command);
  void release(const kafka::TopicPartition& tp);
  void drop(const kafka::TopicPartition& tp, const std::string& why);
  bool collect();  // false: nothing more to read for now
  void accept(kafka::MessagePtr message);
  Partition* partition_of_message(const rd_kafka_message_t& message);

  bool moved() const;
  void flush();
  std::vector<Move> moves() const;
  void committed(const std::vector<Move>& moves);
  // After an unclear end: asks the database where each partition stands.
  enum class Truth : uint8_t { committed, not_committed, rewound };
  Truth find_out(const std::vector<Move>& moves);
  void rewind();
  bool connect();  // tries until it works or the worker is stopped
  bool pause(const Error& error, int attempt);  // false: stopped meanwhile
  void count(const Prepared& prepared, double seconds);
  void give_up(Error error);

  const int number_;
  const WorkerConfig config_;
  const Progress* progress_;
  Flush flush_;
  Preparer preparer_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::optional<pg::Connection> connection_;
  std::map<kafka::TopicPartition, Partition> partitions_;
  Partition* last_partition_ = nullptr;
  Batch batch_;
  std::vector<kafka::MessagePtr> polled_;
  std::string told_;  // the error that was logged last

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> commands_;
  std::set<kafka::TopicPartition> holds_;
  std::optional<Error> fatal_;
};

}  // namespace sujip::sink
