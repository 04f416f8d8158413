#pragma once
// A lane: one thread, one consumer, one transactional producer, the tasks of its partitions.
//
// The way of a commit:  process ... process | before_commit of every touched task | send offsets |
// commit | (every few seconds) checkpoint: dirty rows and the positions they stand for, as one file.
// Kafka first, the local store second: the store is never ahead.
//
// Any unclear outcome has one answer (recover): throw the producer and all state in memory away, make a
// producer, take the group's offsets, read the state back from its topics, go on. It is also how a
// lane starts, so it is always tested.

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/kafka/consumer.h"
#include "core/kafka/producer.h"
#include "processors/store/task_store.h"
#include "processors/task.h"

namespace sujip {

struct LaneOptions {
  std::string bootstrap;
  std::string prefix;    // of topics, group and transactional id
  std::string group;     // e.g. "entity"; the group id is made from it
  std::string instance;  // stable name: transactional id and static membership
  std::vector<std::string> inputs;  // topics, without prefix
  int commit_interval_ms = 100;
  int64_t commit_records = 200000;
  int checkpoint_interval_ms = 3000;
  size_t checkpoint_bytes = 128u << 20;  // dirty bytes of the lane that ask for a checkpoint earlier
  std::shared_ptr<MemoryBudget> memory;  // of all lanes of the process
};

// Makes the task of one input partition. The store and the log outlive the task.
using TaskFactory = std::function<std::unique_ptr<Task>(const kafka::TopicPartition& input,
                                                        TaskStore& store, InputLog& log)>;

class Lane {
 public:
  Lane(LaneOptions options, Store& store, TaskFactory factory);
  ~Lane();

  // Runs until stopped; an error only when going on makes no sense (data was deleted, fenced for good).
  Status run(std::stop_token stop);

 private:
  class LaneOutputs;
  class PartitionLog;
  struct Slot;  // a task with its store and position

  // One round of the loop: recover or restore if needed, process, commit and checkpoint when due.
  Status turn(std::vector<kafka::MessagePtr>& batch);
  Status start_producer();
  Status recover();
  Status restore(std::vector<Slot*> slots);
  Status wait_until_stable(kafka::Consumer& reader, const kafka::TopicPartition& tp);
  std::vector<kafka::Position> assigned(const std::vector<kafka::TopicPartition>& partitions);
  Result<std::vector<kafka::Position>> make_slots(const std::vector<kafka::TopicPartition>& partitions);
  void revoked(bool lost);
  Status handle(std::vector<kafka::MessagePtr>& batch);
  Status process(Slot& slot, const rd_kafka_message_t& message);
  Status begin();
  Status commit();
  Status checkpoint(bool force);
  void give_up(const char* reason);
  std::string topic_name(const std::string& name) const { return options_.prefix + name; }

  LaneOptions options_;
  Store& store_;
  TaskFactory factory_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<LaneOutputs> outputs_;
  std::unordered_map<std::string, std::unique_ptr<Slot>> slots_;  // by "topic/partition"
  bool open_ = false;        // a transaction is open
  bool broken_ = false;      // recover before anything else
  bool restore_needed_ = false;
  bool stopping_ = false;
  int64_t uncommitted_ = 0;  // records since the last commit
  int64_t begun_at_ = 0;     // steady ms of the transaction's begin
  int64_t checkpointed_at_ = 0;
  int64_t lag_reported_at_ = 0;
  Error fatal_;
};

}  // namespace sujip
