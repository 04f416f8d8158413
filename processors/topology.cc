// The whole way of the data on one page.
//
//   raw.*  --entity-->  change.<dataset>   rows as change events, compacted
//                       scope.<dataset>    the accepted run of each scope
//                       delta.rollup       what the changes add to and take from totals
//                       scope.tally        what a run did, or would do, in one partition
//                       dead.letter        what can't be used
//   delta.rollup  --rollup-->  rollup.<dataset>  distinct.<dataset>
//                              asis.<dataset>  delta.rollup   as-is: by entity first, then by dimensions
//   scope.tally   --scope-->   scope.run  run.log, and verdicts back into raw.*
//
// Each task's state is its own output; the arrows are exactly once.

#include "processors/topology.h"

#include <algorithm>

#include "processors/coordinator/coordinator_task.h"
#include "processors/entity/entity_task.h"
#include "processors/rollup/rollup_task.h"
#include "topics/catalogue.h"

namespace sujip {

std::vector<Stage> build_topology(const Datasets& datasets, const Normalizers& normalizers, int lanes,
                                  const topics::Selection& selection) {
  std::vector<std::string> raw;
  for (const Dataset& d : datasets.all())
    if (std::find(raw.begin(), raw.end(), d.raw_topic) == raw.end()) raw.push_back(d.raw_topic);

  Stage entity{"entity", raw, {}, lanes, {}};
  for (const Dataset& d : datasets.all()) {
    entity.outputs.push_back(d.change_topic());
    entity.outputs.push_back(d.scope_topic());
  }
  entity.outputs.emplace_back(topics::kDeltaRollup);
  entity.outputs.emplace_back(topics::kScopeTally);
  entity.make = [&datasets, &normalizers, selection](const kafka::TopicPartition& input, TaskStore& store,
                                                     InputLog& log) {
    EntityTask::Options options;
    options.raw_topic = input.topic;
    options.partition = input.partition;
    options.selection = selection;
    return std::make_unique<EntityTask>(options, datasets, normalizers, store, log);
  };

  Stage rollup{"rollup", {std::string(topics::kDeltaRollup)}, {}, lanes, {}};
  for (const Dataset& d : datasets.all()) {
    if (!d.has_rollup()) continue;
    rollup.outputs.push_back(d.rollup_topic());
    rollup.outputs.push_back(d.distinct_topic());
    if (d.has_as_is()) rollup.outputs.push_back(d.as_is_topic());
  }
  if (std::any_of(datasets.all().begin(), datasets.all().end(), [](const Dataset& d) { return d.has_as_is(); }))
    rollup.outputs.emplace_back(topics::kDeltaRollup);
  rollup.make = [&datasets](const kafka::TopicPartition& input, TaskStore& store, InputLog&) {
    return std::make_unique<RollupTask>(input.partition, datasets, store);
  };

  Stage scope{"scope", {std::string(topics::kScopeTally)}, {}, 1, raw};
  scope.outputs.emplace_back(topics::kScopeRun);
  scope.outputs.emplace_back(topics::kRunLog);
  scope.make = [](const kafka::TopicPartition& input, TaskStore& store, InputLog&) {
    return std::make_unique<CoordinatorTask>(input.partition, store);
  };

  return {entity, rollup, scope};
}

}  // namespace sujip
