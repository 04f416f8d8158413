#pragma once
// Comparing a whole run with the rows its scope has: one pass over two sorted sides.

#include <vector>

#include "processors/entity/run_rows.h"
#include "processors/store/block.h"
#include "topics/messages.h"

namespace sujip {

enum class ChangeKind : uint8_t { created, updated, minor, deleted };

// What the run would change; rows are looked up again by key when it is applied.
struct SnapshotChange {
  ChangeKind kind;
  KeyHash key;
  const RunRows::Item* after;  // null: deleted
};

struct SnapshotDiff {
  Counts counts;  // rows, duplicates and rejected are the caller's
  std::vector<SnapshotChange> changes;
};

// `rows` must be sorted. Deleted = in the block, not in the run.
SnapshotDiff compare_snapshot(const Dataset& dataset, const RunRows& rows, const Block& block);

// What to do with a whole run, by its counts over all partitions. The same rule for one partition
// and for many. `reason` says why in words a person can use.
struct RunDecision {
  Outcome outcome;
  std::string reason;
};
RunDecision decide_run(const Counts& counts, const std::optional<Guard>& guard, bool accept_empty);

}  // namespace sujip
