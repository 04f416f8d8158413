#include "processors/entity/entity_task.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/metrics.h"
#include "topics/catalogue.h"
#include "topics/row_json.h"

namespace sujip {

EntityTask::EntityTask(Options options, const Datasets& datasets, const Normalizers& normalizers, TaskStore& store,
                       InputLog& log)
    : options_(std::move(options)), datasets_(datasets), normalizers_(normalizers), store_(store), log_(log) {
  for (const Dataset& d : datasets_.all())
    if (d.raw_topic == options_.raw_topic) {
      builders_[d.name] = std::make_unique<RowBuilder>(d);
      deltas_[d.name] = std::make_unique<DeltaCollector>(d);
    }
  if (const Dataset* d = datasets_.plain_of(options_.raw_topic); d != nullptr) {
    plain_.dataset = d;
    plain_.identity = &normalizers_.identity(*d);
    plain_.builder = builders_[d->name].get();
    plain_.deltas = deltas_[d->name].get();
  }
}

EntityTask::~EntityTask() = default;

EntityTask::Run* EntityTask::ActiveScope::find(const RunId& run) {
  for (Run& r : runs)
    if (r.id() == run) return &r;
  return nullptr;
}

// The scope's fields as a row has them; false when the slice is not of its field's type.
bool EntityTask::ActiveScope::read_fields(std::string& problem) {
  const std::string* const texts[] = {&scope.source, &scope.account, &scope.slice};
  for (size_t i = 0; i < dataset->scope.size(); ++i) {
    Part part{*texts[i], {}};
    const Field& field = dataset->fields[static_cast<size_t>(dataset->scope[i])];
    part.value.present = true;
    if (field.type == FieldType::date) {
      const auto day = Day::parse(part.text);
      if (!day) {
        problem = fmt::format("ce_subject '{}': '{}' is not a date", subject, part.text);
        return false;
      }
      part.value.number = day->since_epoch;
    }
    fields.push_back(std::move(part));
  }
  for (size_t i = 0; i < fields.size(); ++i)  // they do not move any more
    if (dataset->fields[static_cast<size_t>(dataset->scope[i])].type == FieldType::string)
      fields[i].value.text = fields[i].text;
  return true;
}

std::vector<std::string> EntityTask::state_topics() const {
  std::vector<std::string> out;
  for (const Dataset& d : datasets_.all()) {
    if (d.raw_topic != options_.raw_topic) continue;
    out.push_back(d.change_topic());
    out.push_back(d.scope_topic());
  }
  return out;
}

DeltaCollector& EntityTask::deltas(const Dataset& dataset) { return *deltas_.find(dataset.name)->second; }

// ---- one record -------------------------------------------------------------------------------

bool EntityTask::takes(const Record& record) {
  const topics::Selection& selection = options_.selection;
  if (!record.meta) {
    const Dataset* dataset = plain_.dataset;
    return dataset != nullptr ? selection.takes_day(seoul_day(record.timestamp)) : selection.datasets.empty();
  }
  const RawMeta& meta = *record.meta;
  if (!selection.takes_dataset(meta.dataset)) return false;
  if (looked_at_ == meta.subject) return taken_;
  const auto scope = Scope::parse(meta.subject);
  const auto run = RunId::parse(meta.run);
  if (!scope || !run) return true;  // it is told what is wrong with it
  const bool taken = selection.takes(*scope, run->snapshot_ms);
  if (Day::parse(scope->slice)) {
    looked_at_ = meta.subject;
    taken_ = taken;
  }
  return taken;
}

void EntityTask::process(const Record& record, Outputs& outputs) {
  if (!options_.selection.everything() && !takes(record)) return;
  if (!record.header_problem.empty()) {
    outputs.dead_letter(record, "", "", "", record.header_problem);
    return;
  }
  if (!record.meta) {
    plain(record, outputs);
    return;
  }
  const RawMeta& meta = *record.meta;
  std::string problem;
  ActiveScope* scope = activate(meta.subject, problem);
  const auto run = RunId::parse(meta.run);
  if (problem.empty() && !run) problem = fmt::format("ce_run '{}' is not a run id", meta.run);
  if (problem.empty() && !record.value) problem = "a tombstone says nothing in a raw topic";
  if (!problem.empty()) {
    outputs.dead_letter(record, meta.dataset, meta.subject, meta.run, problem);
    return;
  }
  switch (meta.kind) {
    case RecordKind::row:
      row(*scope, *run, record, outputs);
      break;
    case RecordKind::begin:
      begin(*scope, record, outputs);
      break;
    case RecordKind::end:
      end(*scope, record, outputs);
      break;
    case RecordKind::same:
      same(*scope, record, outputs);
      break;
    case RecordKind::verdict:
      verdict(*scope, record, outputs);
      break;
  }
}

EntityTask::ActiveScope* EntityTask::activate(std::string_view subject, std::string& problem) {
  if (last_ != nullptr && last_->subject == subject) return last_;
  const auto found = active_.find(subject);
  if (found != active_.end()) return last_ = found->second.get();

  const auto parsed = Scope::parse(subject);
  if (!parsed) {
    problem = fmt::format("ce_subject '{}' is not source/account/dataset[/slice]", subject);
    return nullptr;
  }
  const Dataset* dataset = datasets_.find(parsed->dataset);
  if (dataset == nullptr || dataset->raw_topic != options_.raw_topic) {
    problem = fmt::format("dataset '{}' is not collected in {}", parsed->dataset, options_.raw_topic);
    return nullptr;
  }
  const Normalizer* normalizer = normalizers_.find(parsed->source, parsed->dataset);
  if (normalizer == nullptr) {
    problem = fmt::format("there is no mapping of dataset '{}' for source '{}'", parsed->dataset, parsed->source);
    return nullptr;
  }
  auto scope = std::make_unique<ActiveScope>();
  scope->scope = *parsed;
  scope->subject = subject;
  scope->prefix = scope_hash(subject);
  scope->dataset = dataset;
  scope->normalizer = normalizer;
  scope->builder = builders_.find(dataset->name)->second.get();
  if (!scope->read_fields(problem)) return nullptr;
  Block& block = store_.block(kScopeSpace, scope->prefix);
  if (const auto saved = block.find({})) {
    if (auto state = ScopeState::decode(*saved); state.ok()) scope->state = *std::move(state);
  }
  scope->emitted = scope->state;
  for (const PendingRun& p : scope->state.pending) {
    Run run;
    run.begin.run = p.run;
    run.begin_offset = p.begin_offset;
    run.waiting = p.waiting;
    run.rows_at = RowsAt::log;
    scope->runs.push_back(std::move(run));
  }
  last_ = scope.get();
  active_.emplace(scope->subject, std::move(scope));
  return last_;
}

void EntityTask::begin(ActiveScope& scope, const Record& record, Outputs& outputs) {
  auto decoded = decode_begin(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run, decoded.error().message());
    return;
  }
  Run run;
  run.begin = *std::move(decoded);
  run.begin_offset = record.offset;
  if (is_late(scope, run, outputs)) return;
  const bool any = abandon_open(scope, record.offset, outputs);
  scope.runs.push_back(std::move(run));
  if (any) advance(scope, record.offset, outputs);
}

bool EntityTask::is_late(ActiveScope& scope, const Run& run, Outputs& outputs) {
  // Written twice by a retrying producer.
  if (scope.find(run.id()) != nullptr || run.id() == scope.state.accepted) return true;
  const bool overtaken = !scope.runs.empty() && run.id() < scope.runs.back().id();
  if (run.id() > scope.state.accepted && !overtaken) return false;
  tell(scope, run, Outcome::old, {}, "a newer run was there before", outputs);
  metrics::counter("late_events_total", {{"medium", scope.scope.source}}).Increment();
  return true;
}

// A newer run is there: one that never came to its end will not any more.
bool EntityTask::abandon_open(ActiveScope& scope, int64_t now, Outputs& outputs) {
  std::vector<Run> abandoned;
  for (auto at = scope.runs.begin(); at != scope.runs.end();) {
    if (!at->in_memory() && !at->waiting) recall(*at, now - 1);
    if (at->end || at->same || at->waiting) {
      ++at;
      continue;
    }
    abandoned.push_back(std::move(*at));
    at = scope.runs.erase(at);
  }
  for (const Run& r : abandoned) {
    Counts counts;
    counts.rows = r.received;
    tell(scope, r, Outcome::incomplete, counts, "a newer run began before its end came", outputs);
  }
  return !abandoned.empty();
}

void EntityTask::row(ActiveScope& scope, const RunId& id, const Record& record, Outputs& outputs) {
  Run* run = scope.runs.empty() ? nullptr : scope.runs.back().id() == id ? &scope.runs.back() : scope.find(id);
  if (run == nullptr || run->end) return;
  std::string reason;
  // The rows of a run that is not in memory are read again at its end; what is wrong is told now.
  const auto outcome = run->in_memory() ? take_row(scope, *run, record, reason) : read_row(scope, record, reason);
  if (outcome == Normalizer::Outcome::refused)
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run, reason);
}

Normalizer::Outcome EntityTask::read_row(const ActiveScope& scope, const Record& record, std::string& reason) {
  const auto outcome = scope.normalizer->apply(*record.value, record.key, scope.scope, *scope.builder, reason);
  if (outcome != Normalizer::Outcome::row) return outcome;
  // A row of another scope would be replaced, and deleted, by runs that know nothing of it.
  const Dataset& dataset = *scope.dataset;
  for (size_t i = 0; i < dataset.scope.size(); ++i) {
    const FieldValue value = scope.builder->value(dataset.scope[i]);
    if (value == scope.fields[i].value) continue;
    const Field& field = dataset.fields[static_cast<size_t>(dataset.scope[i])];
    reason = fmt::format("field {}: '{}' is not that of the scope, '{}'", field.name, value_text(field, value),
                         scope.fields[i].text);
    return Normalizer::Outcome::refused;
  }
  return Normalizer::Outcome::row;
}

Normalizer::Outcome EntityTask::take_row(const ActiveScope& scope, Run& run, const Record& record,
                                         std::string& reason) {
  ++run.received;
  const auto outcome = read_row(scope, record, reason);
  if (outcome == Normalizer::Outcome::refused) ++run.rejected;
  if (outcome != Normalizer::Outcome::row) return outcome;
  row_bytes_.clear();
  scope.builder->encode(row_bytes_);
  run.rows.add(key_hash(*scope.dataset, scope.builder->values()), row_bytes_);
  return outcome;
}

void EntityTask::end(ActiveScope& scope, const Record& record, Outputs& outputs) {
  const auto decoded = decode_end(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run, decoded.error().message());
    return;
  }
  Run* run = scope.find(decoded->run);
  if (run == nullptr || run->end) return;  // an old run, or said twice
  if (!run->in_memory()) recall(*run, record.offset - 1);
  run->end = *decoded;
  run->end_offset = record.offset;
  advance(scope, record.offset, outputs);
}

void EntityTask::same(ActiveScope& scope, const Record& record, Outputs& outputs) {
  const auto decoded = decode_same(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run, decoded.error().message());
    return;
  }
  Run run;
  run.begin.run = decoded->run;
  run.begin.snapshot_at = decoded->snapshot_at;
  run.begin.partitions = decoded->partitions;
  run.begin_offset = run.end_offset = record.offset;
  run.same = *decoded;
  if (is_late(scope, run, outputs)) return;
  (void)abandon_open(scope, record.offset, outputs);
  scope.runs.push_back(std::move(run));
  advance(scope, record.offset, outputs);
}

void EntityTask::verdict(ActiveScope& scope, const Record& record, Outputs& outputs) {
  const auto decoded = decode_verdict(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run, decoded.error().message());
    return;
  }
  if (Run* run = scope.find(decoded->run); run != nullptr && run->waiting) {
    if (decoded->decision == Decision::release) return;  // nobody holds it
    if (!run->in_memory()) recall(*run, record.offset - 1);
    if (decoded->decision == Decision::accept || decoded->decision == Decision::accept_partial) {
      const SnapshotDiff diff = compare(scope, *run);
      apply(scope, *run, diff, decoded->decision == Decision::accept, record.offset, outputs);
      accept_state(scope, *run, outputs);
      // Here or in another partition rows are missing: nothing is "the same" as this run.
      if (decoded->decision == Decision::accept_partial) scope.state.hash.clear();
    } else if (decoded->decision == Decision::hold) {
      hold(scope, *run, outputs);
    }
    tell_followed(scope, *run, *decoded, outputs);
    std::erase_if(scope.runs, [&](const Run& r) { return r.id() == decoded->run; });
    advance(scope, record.offset, outputs);
    return;
  }
  if (!scope.state.held || scope.state.held->run != decoded->run) return;  // overtaken meanwhile
  // Runs that are held wait for a person. The coordinator speaks of runs that wait for it, and may say
  // twice what it said, when the raw log is read again.
  if (decoded->by == kByCoordinator) return;
  const HeldRun held = *scope.state.held;
  Run run;
  run.begin.run = held.run;
  run.begin.partitions = held.partitions;
  run.begin_offset = held.begin_offset;
  run.end_offset = held.end_offset;
  if (decoded->decision == Decision::release) {
    recall_held(scope, run, held.end_offset);
    const SnapshotDiff diff = compare(scope, run);
    scope.state.held.reset();
    // A row that went to dead.letter is not a row that vanished, whoever releases the run.
    const bool whole = run.rejected == 0;
    apply(scope, run, diff, whole, record.offset, outputs);
    accept_state(scope, run, outputs);
    Counts told = diff.counts;
    if (!whole) told.deleted = 0;
    tell(scope, run, Outcome::released, told, decoded->reason, outputs, decoded->by);
  } else if (decoded->decision == Decision::reject) {
    scope.state.held.reset();
    tell(scope, run, Outcome::rejected, {}, decoded->reason, outputs, decoded->by);
  }
}

void EntityTask::save(ActiveScope& scope) {
  Block& block = store_.block(kScopeSpace, scope.prefix);
  store_.put(block, {}, scope.state.encode(scope.subject));
  remember_pending(scope.subject, !scope.state.pending.empty());
}

void EntityTask::before_commit(Outputs& outputs) {
  for (auto& [name, delta] : deltas_) delta->emit(outputs);
  for (auto& [source, counts] : plain_counts_) {
    count_changes(source, counts);
    counts = {};
  }
  for (auto at = active_.begin(); at != active_.end();) {
    ActiveScope& scope = *at->second;
    scope.state.pending.clear();
    for (const Run& run : scope.runs) scope.state.pending.push_back({run.id(), run.begin_offset, run.waiting});
    if (!(scope.state == scope.emitted)) {
      outputs.emit(scope.dataset->scope_topic(), options_.partition, scope.subject, scope.state.encode(scope.subject));
      save(scope);
      scope.emitted = scope.state;
    }
    if (scope.runs.empty()) {
      at = active_.erase(at);
    } else {
      ++at;
    }
  }
  last_ = nullptr;
  plain_.block = nullptr;  // the store may let it go
  limit_memory();
}

void EntityTask::limit_memory() {
  size_t bytes = 0;
  for (auto& [subject, scope] : active_)
    for (Run& run : scope->runs) {
      bytes += run.rows.bytes();
      if (bytes <= options_.run_memory_bytes || !run.in_memory()) continue;
      bytes -= run.rows.bytes();
      run.drop_rows(RowsAt::dropped);
    }
}

}  // namespace sujip
