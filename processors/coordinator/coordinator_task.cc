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

}  // namespace

CoordinatorTask::CoordinatorTask(int32_t partition, TaskStore& store)
    : partition_(partition), store_(store) {}

std::vector<std::string> CoordinatorTask::state_topics() const {
  return {std::string(topics::kScopeRun)};
}

Outcome overall_outcome(const ScopeRun& run) {
  const auto any = [&](Outcome o) {
    return std::any_of(run.tallies.begin(), run.tallies.end(),
                       [o](const auto& t) { return t.second.outcome == o; });
  };
  const auto all = [&](Outcome o) {
    return static_cast<int>(run.tallies.size()) == run.partitions &&
           std::all_of(run.tallies.begin(), run.tallies.end(),
                       [o](const auto& t) { return t.second.outcome == o; });
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
  auto tally = record.value ? decode_tally(*record.value)
                            : Result<Tally>(Error{"a tombstone is no tally", "", ""});
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
  const auto before = run.tallies.find(tally->partition);
  // A retried run that was decided long ago: the log keeps what was decided then.
  if (before != run.tallies.end() && tally->outcome == Outcome::old) return;
  // What happens to a held run later (overtaken, rejected) keeps the counts of what it would have done.
  if (before != run.tallies.end() && tally->outcome != Outcome::released &&
      tally->outcome != Outcome::pending)
    tally->counts = before->second.counts;
  run.tallies[tally->partition] = *tally;
  // Why it was held stays readable when something newer came over it.
  if (tally->outcome == Outcome::overtaken && !run.reason.empty())
    run.reason += "; " + tally->reason;
  else if (!tally->reason.empty())
    run.reason = tally->reason;
  if (!tally->by.empty()) run.by = tally->by;

  const Outcome was = run.outcome;
  if (run.partitions <= 1)
    run.outcome = tally->outcome;
  else
    decide(run, *tally, outputs);
  outputs.emit(topics::kScopeRun, partition_, run.key(), encode(run));
  store_.put(block, key_of(run.run), encode(run));
  if (run.outcome != Outcome::pending && (run.outcome != was || !known))
    run_log(run, record.timestamp, outputs);
}

void CoordinatorTask::decide(ScopeRun& run, const Tally& tally, Outputs& outputs) {
  const Outcome overall = overall_outcome(run);
  Verdict verdict;
  verdict.run = run.run;
  verdict.by = "coordinator";
  if (run.outcome != Outcome::pending) {
    run.outcome = overall;
    if (tally.outcome != Outcome::pending) return;
    // Its verdict, a rejection, came before the run was whole in this partition, which now waits.
    verdict.decision = Decision::reject;
    verdict.reason = run.reason;
    outputs.emit_control(run.topic, tally.partition, run.scope, run.run, RecordKind::verdict,
                         encode(verdict));
    return;
  }
  if (overall == Outcome::pending) {
    const bool all_there = static_cast<int>(run.tallies.size()) == run.partitions;
    if (!all_there) return;
    const Tally& first = run.tallies.begin()->second;
    const RunDecision decision = decide_run(run.counts(), first.guard, first.accept_empty);
    run.outcome = decision.outcome;
    run.reason = decision.reason;
    switch (decision.outcome) {
      case Outcome::accepted: verdict.decision = Decision::accept; break;
      case Outcome::partial:
        verdict.decision = Decision::accept_partial;
        // The counts say what was done, and a partial run deletes nothing.
        for (auto& [partition, t] : run.tallies) t.counts.deleted = 0;
        break;
      case Outcome::held: verdict.decision = Decision::hold; break;
      default: verdict.decision = Decision::reject;
    }
  } else {
    // One partition cannot take the run: no other may.
    run.outcome = overall;
    if (overall == Outcome::same) return;
    verdict.decision = Decision::reject;
  }
  verdict.reason = run.reason;
  for (int32_t p = 0; p < run.partitions; ++p)
    outputs.emit_control(run.topic, p, run.scope, run.run, RecordKind::verdict, encode(verdict));
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
    case Outcome::rejected: entry.state = "skipped"; break;
    default: entry.state = "finished";
  }
  entry.message = std::string(name_of(run.outcome)) + (run.reason.empty() ? "" : ": " + run.reason);
  outputs.emit(topics::kRunLog, Outputs::kByKey, run.scope.subject(), encode(entry));
}

Status CoordinatorTask::restore(std::string_view, std::string_view,
                                std::optional<std::string_view> value) {
  if (!value) return {};
  SUJIP_TRY(const ScopeRun run, decode_scope_run(*value));
  Block& block = store_.block(kRunSpace, scope_hash(run.scope.subject()));
  store_.put(block, key_of(run.run), *value);
  return {};
}

}  // namespace sujip
