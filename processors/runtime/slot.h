#pragma once
// One input partition of a lane: its task, the task's store, and how far it has come.

#include <map>
#include <memory>
#include <string>

#include "core/metrics.h"
#include "processors/runtime/lane.h"
#include "processors/runtime/partition_log.h"
#include "processors/runtime/steady_ms.h"

namespace sujip {

// Up to which offset of each state topic (without prefix) a store holds the state, and of the input under
// kInputPosition.
inline constexpr const char* kInputPosition = "input";
using StatePositions = std::map<std::string, int64_t>;
std::string encode_positions(const StatePositions& positions);
StatePositions decode_positions(std::string_view text);

// Belongs to the restorer's thread until it is handed back as restored, then to the lane's.
struct Lane::Slot {
  kafka::TopicPartition input;  // with prefix
  std::unique_ptr<TaskStore> store;
  std::unique_ptr<PartitionLog> log;
  std::unique_ptr<Task> task;
  int64_t next_offset = 0;   // of the input
  bool group_knows = false;  // the group had an offset of the input
  int64_t checkpointed = 0;  // offset of the input that the local state was saved with
  bool touched = false;      // processed since the last commit
  bool restored = false;
  int64_t processed = 0;  // since the last commit
  TimeMs newest = 0;      // time of the last processed record
};

}  // namespace sujip
