#include "processors/coordinator/coordinator_task.h"

#include <xxhash.h>

#include <algorithm>

#include "core/log.h"
#include "processors/entity/snapshot.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

constexpr uint8_t kRunSpace = 1;

// Runs of one scope lie together (prefix: scope_hash); the run itself is the key.
KeyHash key_of(const RunId& run) {
  return {static_cast<uint64_t>(run.snapshot_ms) ^ (1ULL << 63), static_cast<uint64_t>(run.seq)};
}

// Why a person released or rejected the run: without a word it isn't the reason for which it was held.
std::string_view said_by_person(const ScopeRun& run) {
  for (const auto& [partition, tally] : run.tallies)
    if (tally.outcome == run.outcome && tally.by == run.by) return tally.reason;
  return {};
}

}  // namespace

CoordinatorTask::CoordinatorTask(int32_t partition, TaskStore& store) : partition_(partition), store_(store) {}

std::vector<std::string> CoordinatorTask::state_topics() const { return {std::string(topics::kScopeRun)}; }

Outcome overall_outcome(const ScopeRun& run) {
  const auto any = [&](Outcome o) {
    return std::any_of(run.tallies.begin(), run.tallies.end(), [o](const auto& t) { return t.second.outcome == o; });
  };
  const auto all = [&](Outcome o) {
    return static_cast<int>(run.tallies.size()) == run.partitions &&
           std::all_of(run.tallies.begin(), run.tallies.end(), [o](const auto& t) { return t.second.outcome == o; });
  };
  if (any(Outcome::incomplete)) return Outcome::incomplete;
  if (any(Outcome::old)) return Outcome::old;
  if (any(Outcome::released)) return Outcome::released;
  if (any(Outcome::rejected)) return Outcome::rejected;
  if (any(Outcome::overtaken)) return Outcome::overtaken;
  if (all(Outcome::same)) return Outcome::same;
  return run.outcome;
}

void CoordinatorTask::process(const Record& record, Outputs& outputs) {
  auto tally = record.value ? decode_tally(*record.value) : Result<Tally>(Error{"a tombstone is no tally", "", ""});
  const auto scope = tally.ok() ? Scope::parse(tally->subject) : std::nullopt;
  if (!scope) {
    outputs.dead_letter(record, "", "", "", tally.ok() ? "not a scope" : tally.error().message());
    return;
  }
  Block& block = store_.block(kRunSpace, scope_hash(tally->subject));
  ScopeRun run;
  if (const auto saved = block.find(key_of(tally->run))) {
    if (auto decoded = decode_scope_run(*saved); decoded.ok()) run = *std::move(decoded);
  }
  const bool known = !run.tallies.empty();
  if (!known) {
    run.scope = *scope;
    run.run = tally->run;
    run.topic = tally->topic;
    run.partitions = tally->partitions;
  }
  const Outcome was = run.outcome;
  const int64_t rows = run.counts().rows;
  if (tally->followed) {
    if (!follow(run, *tally)) return;
  } else {
    const auto before = run.tallies.find(tally->partition);
    // A retried run that was decided long ago: the log keeps what was decided then.
    if (before != run.tallies.end() && tally->outcome == Outcome::old) return;
    take(run, *tally);
    if (run.partitions <= 1)
      run.outcome = tally->outcome;
    else
      decide(run, *tally, outputs);
  }
  if (run.outcome == Outcome::partial && run.partitions > 1) {
    // The counts say what was done, and a partial run deletes nothing.
    for (auto& [partition, t] : run.tallies) t.counts.deleted = 0;
  }
  outputs.emit(topics::kScopeRun, partition_, run.key(), encode(run));
  store_.put(block, key_of(run.run), encode(run));
  if (run.outcome != Outcome::pending && (run.outcome != was || !known || run.counts().rows != rows))
    run_log(run, record.timestamp, outputs);
}

void CoordinatorTask::take(ScopeRun& run, Tally& tally) {
  const auto before = run.tallies.find(tally.partition);
  // What happens to a held run later (overtaken, rejected) keeps the counts of what it would have done.
  if (before != run.tallies.end() && tally.outcome != Outcome::released && tally.outcome != Outcome::pending)
    tally.counts = before->second.counts;
  run.tallies[tally.partition] = tally;
  if (!tally.by.empty()) run.by = tally.by;
  if (tally.reason.empty()) return;
  if (tally.outcome == Outcome::overtaken) {
    // Why it was held stays readable when something newer came over it; each partition says so.
    if (run.outcome == Outcome::overtaken) return;
    run.reason += (run.reason.empty() ? "" : "; ") + tally.reason;
    return;
  }
  run.reason = tally.reason;
  if (tally.outcome != Outcome::incomplete && tally.outcome != Outcome::old) return;
  // Of many that can't take the run the first one's reason, in whatever order they say so.
  const Outcome overall = overall_outcome(run);
  for (const auto& [partition, t] : run.tallies) {
    if (t.outcome != overall || t.reason.empty()) continue;
    run.reason = t.reason;
    break;
  }
}

// A partition has done what a verdict of the raw log says. Usually that is what was decided here a moment
// ago. When the raw log is read again (restore, reset, replay), one partition may be far ahead of the
// others: then the verdict comes before their tallies, and it stands, whatever would be decided now.
bool CoordinatorTask::follow(ScopeRun& run, const Tally& tally) {
  ScopeRun next = run;
  next.outcome = tally.outcome;
  // A person, a newer run or a partition that can't take the run has said more since.
  if (overall_outcome(next) != tally.outcome || run.outcome == tally.outcome) return false;
  run.outcome = tally.outcome;
  run.reason = tally.reason;
  return true;
}

void CoordinatorTask::decide(ScopeRun& run, const Tally& tally, Outputs& outputs) {
  const Outcome overall = overall_outcome(run);
  if (const Outcome was = run.outcome; was != Outcome::pending) {
    run.outcome = overall;
    // It waits for what was decided without it: a rejection that came before the run was whole there, or a
    // verdict that another partition has read again. Where the verdict is in its log, too, it has done what
    // it says by then and this one changes nothing.
    if (tally.outcome == Outcome::pending) return tell(run, tally.partition, outputs);
    // A person's word reaches all partitions or none, also when it was cut off on its way into the log.
    if (overall == was || (overall != Outcome::released && overall != Outcome::rejected)) return;
    for (int32_t p = 0; p < run.partitions; ++p)
      if (p != tally.partition) tell(run, p, outputs);
    return;
  }
  if (overall == Outcome::pending) {
    const bool all_there = static_cast<int>(run.tallies.size()) == run.partitions;
    if (!all_there) return;
    const Tally& first = run.tallies.begin()->second;
    const RunDecision decision = decide_run(run.counts(), first.guard, first.accept_empty);
    run.outcome = decision.outcome;
    run.reason = decision.reason;
  } else {
    run.outcome = overall;
    // Only a partition that can't take the run makes it one that no other may take. What follows from a
    // verdict is no reason for another.
    if (overall != Outcome::incomplete && overall != Outcome::old) return;
  }
  for (int32_t p = 0; p < run.partitions; ++p) tell(run, p, outputs);
}

void CoordinatorTask::tell(const ScopeRun& run, int32_t partition, Outputs& outputs) {
  const auto write = [&](Decision decision, std::string_view by, std::string_view reason) {
    const Verdict verdict{run.run, decision, std::string(by), std::string(reason)};
    outputs.emit_control(run.topic, partition, run.scope, run.run, RecordKind::verdict, encode(verdict));
  };
  switch (run.outcome) {
    case Outcome::accepted:
      write(Decision::accept, kByCoordinator, run.reason);
      break;
    case Outcome::partial:
      write(Decision::accept_partial, kByCoordinator, run.reason);
      break;
    case Outcome::held:
    case Outcome::overtaken:
      write(Decision::hold, kByCoordinator, run.reason);
      break;
    case Outcome::released:
      write(Decision::hold, kByCoordinator, run.reason);
      write(Decision::release, run.by, said_by_person(run));
      break;
    case Outcome::rejected:
      write(Decision::reject, run.by, said_by_person(run));
      break;
    default:
      write(Decision::reject, kByCoordinator, run.reason);
  }
}

void CoordinatorTask::run_log(const ScopeRun& run, TimeMs at, Outputs& outputs) {
  RunLog entry;
  entry.scope = run.scope;
  entry.run = run.run.str();
  entry.stage = "process";
  const Counts counts = run.counts();
  entry.rows = counts.rows;
  entry.ts_ms = entry.started_at = at;
  switch (run.outcome) {
    case Outcome::held:
      entry.state = "refused";
      entry.error_class = "held";
      entry.hint = "sujip scope release|reject '" + run.scope.subject() + "'";
      break;
    case Outcome::incomplete:
      entry.state = "failed";
      entry.error_class = "incomplete";
      entry.hint = "nothing was changed; the next collection replaces it";
      break;
    case Outcome::old:
    case Outcome::overtaken:
    case Outcome::rejected:
      entry.state = "skipped";
      break;
    default:
      entry.state = "finished";
  }
  entry.message = std::string(name_of(run.outcome)) + (run.reason.empty() ? "" : ": " + run.reason);
  outputs.emit(topics::kRunLog, Outputs::kByKey, run.scope.subject(), encode(entry));
}

Status CoordinatorTask::restore(std::string_view, std::string_view, std::optional<std::string_view> value) {
  if (!value) return {};
  SUJIP_TRY(const ScopeRun run, decode_scope_run(*value));
  Block& block = store_.block(kRunSpace, scope_hash(run.scope.subject()));
  store_.put(block, key_of(run.run), *value);
  return {};
}

}  // namespace sujip
