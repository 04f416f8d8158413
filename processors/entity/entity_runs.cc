// Whole runs: deciding, applying, holding, telling.

#include "processors/entity/entity_task.h"

#include <fmt/format.h>

#include "core/metrics.h"
#include "topics/catalogue.h"

namespace sujip {

void EntityTask::advance(ActiveScope& scope, int64_t now, Outputs& outputs) {
  while (!scope.runs.empty()) {
    Run& run = scope.runs.front();
    if (run.waiting) return;
    if (!run.in_memory()) recall(run, now);
    if (!run.end && !run.same) return;
    if (!decide(scope, run, now, outputs)) return;
    scope.runs.pop_front();
  }
}

SnapshotDiff EntityTask::compare(ActiveScope& scope, Run& run) {
  const int64_t duplicates = run.rows.sort_last_wins();
  SnapshotDiff diff = compare_snapshot(*scope.dataset, run.rows, store_.block(kRowSpace, scope.prefix));
  diff.counts.rows = run.received;
  diff.counts.duplicates = duplicates;
  diff.counts.rejected = run.rejected;
  return diff;
}

// False: the run waits, what is behind it must wait, too.
bool EntityTask::decide(ActiveScope& scope, Run& run, int64_t now, Outputs& outputs) {
  if (run.same) {
    Counts counts;
    counts.rows = counts.same = counts.before = scope.state.rows;  // this partition's share
    if (scope.state.accepted.empty() || scope.state.hash != run.same->hash) {
      tell(scope, run, Outcome::incomplete, {}, "says 'as before', but of a run that is not the accepted one", outputs);
      return true;
    }
    run.end = End{run.id(), scope.state.rows, run.same->rows, run.same->hash};
    accept_state(scope, run, outputs);
    tell(scope, run, Outcome::same, counts, "", outputs);
    count_changes(scope.scope.source, counts);
    return true;
  }
  if (run.received != run.end->rows) {
    Counts counts;
    counts.rows = run.received;
    tell(scope, run, Outcome::incomplete, counts,
         fmt::format("{} rows came, {} were sent", run.received, run.end->rows), outputs);
    return true;
  }
  const SnapshotDiff diff = compare(scope, run);
  if (run.begin.partitions > 1) {
    run.waiting = true;
    tell(scope, run, Outcome::pending, diff.counts, "", outputs);
    return false;
  }
  const RunDecision decision = decide_run(diff.counts, run.begin.guard, run.begin.accept_empty);
  if (decision.outcome == Outcome::held) {
    hold(scope, run, outputs);
  } else if (decision.outcome != Outcome::incomplete) {
    apply(scope, run, diff, decision.outcome == Outcome::accepted, now, outputs);
    accept_state(scope, run, outputs);
  }
  Counts told = diff.counts;
  if (decision.outcome == Outcome::partial) told.deleted = 0;
  tell(scope, run, decision.outcome, told, decision.reason, outputs);
  return true;
}

void EntityTask::apply(ActiveScope& scope, Run& run, const SnapshotDiff& diff, bool with_deletes, int64_t now,
                       Outputs& outputs) {
  Block& block = store_.block(kRowSpace, scope.prefix);
  const Dataset& dataset = *scope.dataset;
  DeltaCollector& delta = deltas(dataset);
  writer_.start(dataset, scope.scope, scope.subject, run.id().str(), run.id().snapshot_ms, options_.partition);
  std::vector<FieldValue> before;
  std::vector<FieldValue> after;
  Counts applied;
  for (const SnapshotChange& change : diff.changes) {
    if (change.kind == ChangeKind::deleted && !with_deletes) continue;
    if (change.kind != ChangeKind::created) {
      decode_row(dataset, *block.find(change.key), before);
    }
    const std::string_view bytes = change.after != nullptr ? run.rows.row(*change.after) : std::string_view();
    if (change.after != nullptr) decode_row(dataset, bytes, after);
    const auto* from = change.kind == ChangeKind::created ? nullptr : &before;
    const auto* to = change.after == nullptr ? nullptr : &after;
    delta.change(from, to);
    writer_.write(from, to, change.kind == ChangeKind::minor, now + 1, outputs);
    // Last: `before` lies in the block.
    if (to != nullptr)
      store_.put(block, change.key, bytes);
    else
      store_.erase(block, change.key);
    switch (change.kind) {
      case ChangeKind::created:
        ++applied.created;
        break;
      case ChangeKind::updated:
        ++applied.updated;
        break;
      case ChangeKind::minor:
        ++applied.minor;
        break;
      case ChangeKind::deleted:
        ++applied.deleted;
        break;
    }
  }
  applied.same = diff.counts.same;
  count_changes(scope.scope.source, applied);
}

void EntityTask::accept_state(ActiveScope& scope, const Run& run, Outputs& outputs) {
  if (scope.state.held && scope.state.held->run < run.id()) {
    Run held;
    held.begin.run = scope.state.held->run;
    held.begin.partitions = scope.state.held->partitions;
    tell(scope, held, Outcome::overtaken, {}, "run " + run.id().str() + " was accepted", outputs);
    scope.state.held.reset();
  }
  scope.state.accepted = run.id();
  scope.state.rows = run.end ? run.end->rows : run.received;
  // Rows are missing from a partial run: nothing is ever "the same" as it.
  scope.state.hash = run.end && run.rejected == 0 ? run.end->hash : "";
}

void EntityTask::hold(ActiveScope& scope, const Run& run, Outputs& outputs) {
  metrics::counter("sweeps_refused_total", {{"medium", scope.scope.source}}).Increment();
  if (scope.state.held) {
    Run held;
    held.begin.run = scope.state.held->run;
    held.begin.partitions = scope.state.held->partitions;
    tell(scope, held, Outcome::overtaken, {}, "run " + run.id().str() + " is held instead", outputs);
  }
  scope.state.held = HeldRun{run.id(), run.begin_offset, run.end_offset, run.begin.partitions};
}

void EntityTask::tell(const ActiveScope& scope, const Run& run, Outcome outcome, const Counts& counts,
                      std::string reason, Outputs& outputs, std::string by) {
  Tally tally;
  tally.subject = scope.subject;
  tally.run = run.id();
  tally.topic = options_.raw_topic;
  tally.partition = options_.partition;
  tally.partitions = run.begin.partitions;
  tally.outcome = outcome;
  tally.counts = counts;
  tally.guard = run.begin.guard;
  tally.accept_empty = run.begin.accept_empty;
  tally.reason = std::move(reason);
  tally.by = std::move(by);
  outputs.emit(topics::kScopeTally, Outputs::kByKey, scope.subject, encode(tally));
}

void EntityTask::tell_followed(const ActiveScope& scope, const Run& run, const Verdict& verdict, Outputs& outputs) {
  Tally tally;
  tally.subject = scope.subject;
  tally.run = run.id();
  tally.topic = options_.raw_topic;
  tally.partition = options_.partition;
  tally.partitions = run.begin.partitions;
  tally.followed = true;
  tally.reason = verdict.reason;
  switch (verdict.decision) {
    case Decision::accept:
      tally.outcome = Outcome::accepted;
      break;
    case Decision::accept_partial:
      tally.outcome = Outcome::partial;
      break;
    case Decision::hold:
      tally.outcome = Outcome::held;
      break;
    default:
      tally.outcome = Outcome::incomplete;
  }
  outputs.emit(topics::kScopeTally, Outputs::kByKey, scope.subject, encode(tally));
}

}  // namespace sujip
