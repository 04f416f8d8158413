#pragma once
// One lane into the database: a thread that reads a set of partitions, coalesces and decodes, and a
// writer with its own session. Keys of different partitions differ, so lanes never wait for each
// other's rows. Batches are as large as the load asks for: whatever is there when the writer is
// free, and up to a full batch while it is busy.

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/kafka/consumer.h"
#include "sinks/postgres/prepare.h"
#include "sinks/postgres/progress.h"
#include "sinks/postgres/shipment.h"
#include "sinks/postgres/writer.h"
#include "topics/generation.h"

namespace sujip::sink {

struct WorkerConfig {
  std::string kafka;
  std::string pg;
  size_t batch_rows = 20000;
  size_t batch_bytes = 32 << 20;
  int poll_ms = 10;   // the longest wait for more records, and so the latency when idle
  int gather_ms = 0;  // how long rows wait for later ones of their key, unless the batch is full
  std::shared_ptr<const topics::Liveness> live;  // null: of all
  int queue_kbytes = 16384;                      // prefetched by the consumer
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
    int64_t committed = 0;  // where the database stands
    int64_t from = 0;       // where the batch that is being collected begins
    int64_t position = 0;   // next offset to read
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
  bool gathered();  // what moved has waited as long as it should
  std::vector<Move> moves() const;
  // Decodes what was collected, and hands it to the writer when that is free.
  void ship();
  // Takes in what the writer has done; `wait`: also what it is doing.
  void settle(bool wait);
  void rewind();
  void count(const Prepared& prepared, double seconds);
  void give_up(Error error);

  const int number_;
  const WorkerConfig config_;
  const Progress* progress_;
  Writer writer_;
  Preparer preparer_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::map<kafka::TopicPartition, Partition> partitions_;
  Partition* last_partition_ = nullptr;
  const rd_kafka_topic_t* last_topic_ = nullptr;
  std::optional<std::chrono::steady_clock::time_point> moved_at_;   // when the open batch began to move
  std::unique_ptr<Shipment> open_ = std::make_unique<Shipment>();   // being collected
  std::unique_ptr<Shipment> spare_ = std::make_unique<Shipment>();  // used again for its memory
  std::vector<kafka::MessagePtr> polled_;

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> commands_;
  std::set<kafka::TopicPartition> holds_;
  std::optional<Error> fatal_;
};

}  // namespace sujip::sink
