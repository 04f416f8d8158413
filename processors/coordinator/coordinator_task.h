#pragma once
// Sums what the partitions say about a run and decides runs that are spread over many of them. One
// partition of scope.tally; its verdicts go back into the raw topic, so that the raw log alone tells
// what was decided.
//
// It may read tallies of partitions that are far apart, as when the raw log is read again: the record of a
// run does not depend on the order in which partitions speak. A verdict of the raw log stands; one that
// is written again says the same, and is read by tasks that have no use for it any more.
//
// State: scope.run, one record per run of a scope, which is also the change log.

#include "processors/store/task_store.h"
#include "processors/task.h"
#include "topics/messages.h"

namespace sujip {

class CoordinatorTask : public Task {
 public:
  CoordinatorTask(int32_t partition, TaskStore& store);

  void process(const Record& record, Outputs& outputs) override;
  std::vector<std::string> state_topics() const override;
  Status restore(std::string_view topic, std::string_view key, std::optional<std::string_view> value) override;

 private:
  void take(ScopeRun& run, Tally& tally);
  bool follow(ScopeRun& run, const Tally& tally);  // false: nothing new
  void decide(ScopeRun& run, const Tally& tally, Outputs& outputs);
  // Writes the verdict that was reached into the raw log of one partition.
  void tell(const ScopeRun& run, int32_t partition, Outputs& outputs);
  void run_log(const ScopeRun& run, TimeMs at, Outputs& outputs);

  int32_t partition_;
  TaskStore& store_;
};

// The overall outcome the tallies allow: pending while some are to come. Pure; see the tests.
Outcome overall_outcome(const ScopeRun& run);

}  // namespace sujip
