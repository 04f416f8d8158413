#pragma once
// A lane: one thread, one consumer, one transactional producer, the tasks of its partitions.
//
// The way of a commit:  process ... process | before_commit of every touched task | (every few
// seconds) ask where the state topics end | send offsets | commit | checkpoint: dirty rows and
// those ends, as one file. Kafka first, the local store second: the store is never ahead. The ends
// are asked for before the offsets are sent, because only the success of that call proves that
// nobody else has written to them.
//
// The offsets are sent with the membership that was ours when the partitions were assigned. A
// fresh one would let the offsets of a partition pass that meanwhile belongs to somebody else.
//
// Any unclear outcome has one answer (recover): throw the producer and all state in memory away,
// make a producer, take the group's offsets, read the state back from its topics, go on. It is also
// how a lane starts, so it is always tested. State is read back by the restorer, on its own thread;
// a partition is fetched from when it is whole.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/kafka/consumer.h"
#include "core/kafka/producer.h"
#include "processors/runtime/pace.h"
#include "processors/runtime/stuck_watch.h"
#include "processors/store/task_store.h"
#include "processors/task.h"
#include "topics/generation.h"

namespace sujip {

struct LaneOptions {
  std::string bootstrap;
  topics::Names names;              // of topics, group and transactional id
  std::string group;                // e.g. "entity"; the group id is made from it
  std::string instance;             // stable name: transactional id and static membership
  std::vector<std::string> inputs;  // topics, as the catalogue has them
  int commit_interval_ms = 30;      // from the first record of a transaction; longer when commits are slow
  int64_t commit_records = 200000;
  int checkpoint_interval_ms = 3000;
  size_t checkpoint_bytes = 128u << 20;  // dirty bytes of the lane that ask for a checkpoint earlier
  int session_timeout_ms = 10000;        // without a sign of life for so long partitions go to others
  // An open transaction of a dead lane keeps readers and a new owner waiting for so long. One that
  // proves too short for the work is doubled.
  int transaction_timeout_ms = 10000;
  std::shared_ptr<MemoryBudget> memory;  // of all lanes of the process
  // Whether it decides for all. Others fold what was decided, write no verdicts and count nothing.
  std::shared_ptr<const topics::Liveness> live;
  std::shared_ptr<Pace> pace;              // none: as fast as it can
  std::shared_ptr<StuckWatch::Beat> beat;  // told of each round; may be null
};

// Makes the task of one input partition. The store and the log outlive the task.
using TaskFactory =
    std::function<std::unique_ptr<Task>(const kafka::TopicPartition& input, TaskStore& store, InputLog& log)>;

class Lane {
 public:
  Lane(LaneOptions options, Store& store, TaskFactory factory);
  ~Lane();

  // Runs until stopped; an error only when going on makes no sense (data was deleted, fenced for
  // good).
  Status run(std::stop_token stop);

 private:
  static constexpr int kAskTimeoutMs = 1000;  // a question to the broker, between records
  class LaneOutputs;
  class LogReader;
  class PartitionLog;
  class Restorer;
  struct Slot;  // a task with its store and position
  // What a checkpoint will hold: dirty slots and up to where their state topics stand for them.
  struct Checkpoint {
    Slot* slot;
    std::map<std::string, int64_t> positions;
  };

  // Asks for records: what is there, or waits a little for the first.
  void read(std::stop_token stop, std::vector<kafka::MessagePtr>& batch);
  // One round of the loop: recover or take restored partitions in, process, commit when due.
  Status turn(std::vector<kafka::MessagePtr>& batch);
  // How long the open transaction may be; `behind`: more is waiting than a batch holds.
  int64_t commit_interval(bool behind);
  Status start_consumer();
  Status start_producer();
  // The same once more, for a client that is of no use any more.
  Status renew_consumer(const char* why);
  // After the group took this lane's place away.
  Status rejoin();
  // Whether the group has not known this lane for long.
  bool is_outside();
  Status recover();
  void assigned(const std::vector<kafka::TopicPartition>& partitions);
  void revoked(bool lost);
  void make_slots(const std::vector<kafka::TopicPartition>& partitions);
  void restore();  // all slots, in the background
  Status take_restored();
  Status handle(std::vector<kafka::MessagePtr>& batch);
  Status process(Slot& slot, const rd_kafka_message_t& message);
  Status begin();
  // Ends the open transaction; with `save` it also writes a checkpoint, for which it makes a
  // transaction (of offsets only) when none is open.
  Status commit(bool save);
  Status finish();
  Status end_transaction(const std::vector<kafka::Position>& offsets);
  bool checkpoint_is_due() const;
  std::vector<Checkpoint> plan_checkpoint();
  Status write(const std::vector<Checkpoint>& plan);
  void give_up(const char* reason);
  // Metrics, see lane_metrics.cc.
  void report();
  void report_lag();
  void report_state();
  void count_committed();
  std::string topic_name(const std::string& name) const { return options_.names.topic(name); }

  LaneOptions options_;
  Store& store_;
  TaskFactory factory_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<LaneOutputs> outputs_;
  kafka::GroupMetadataPtr membership_;  // of the assignment that `slots_` are
  std::unique_ptr<LogReader> log_reader_;
  std::unordered_map<std::string, std::unique_ptr<Slot>> slots_;  // by "topic/partition"
  std::unique_ptr<Restorer> restorer_;                            // after slots_: ends before them
  bool open_ = false;                                             // a transaction is open
  bool broken_ = false;                                           // recover before anything else
  bool stopping_ = false;
  int64_t uncommitted_ = 0;            // records since the last commit
  int64_t begun_at_ = 0;               // steady ms of the transaction's begin
  int64_t commit_took_ms_ = 0;         // the last one
  int64_t behind_at_ = INT64_MIN / 2;  // steady ms when more was waiting than a batch holds
  int64_t checkpointed_at_ = 0;
  int64_t reported_at_ = 0;
  int64_t without_since_ = 0;         // steady ms since when it has no partitions; 0: it has
  std::optional<int64_t> fenced_at_;  // steady ms of the last time
  double reported_state_bytes_ = 0;   // of memory
  Error fatal_;
};

}  // namespace sujip
