#include "processors/entity/entity_task.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <stdexcept>

#include "core/json_text.h"
#include "core/metrics.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

constexpr uint8_t kRowSpace = 1;
constexpr uint8_t kScopeSpace = 2;

void count_changes(const std::string& source, const Counts& c) {
  const auto add = [&](const char* kind, int64_t n) {
    if (n > 0)
      metrics::counter("changes_total", {{"medium", source}, {"kind", kind}})
          .Increment(static_cast<double>(n));
  };
  add("created", c.created);
  add("updated", c.updated);
  add("minor", c.minor);
  add("deleted", c.deleted);
  add("unchanged", c.same);
}

// The scope a plain row belongs to: its scope fields as text.
Scope scope_of(const Dataset& dataset, const std::vector<FieldValue>& row) {
  const auto text = [&](size_t i) {
    const auto n = static_cast<size_t>(dataset.scope[i]);
    return value_text(dataset.fields[n], row[n]);
  };
  return {text(0), text(1), dataset.name, dataset.scope.size() > 2 ? text(2) : ""};
}

}  // namespace

EntityTask::EntityTask(Options options, const Datasets& datasets, const Normalizers& normalizers,
                       TaskStore& store, InputLog& log)
    : options_(std::move(options)),
      datasets_(datasets),
      normalizers_(normalizers),
      store_(store),
      log_(log),
      parser_(std::make_unique<simdjson::ondemand::parser>()) {
  for (const Dataset& d : datasets_.all())
    if (d.raw_topic == options_.raw_topic) {
      builders_[d.name] = std::make_unique<RowBuilder>(d);
      deltas_[d.name] = std::make_unique<DeltaCollector>(d);
    }
}

EntityTask::~EntityTask() = default;

EntityTask::Run* EntityTask::ActiveScope::find(const RunId& run) {
  for (Run& r : runs)
    if (r.id() == run) return &r;
  return nullptr;
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

void EntityTask::process(const Record& record, Outputs& outputs) {
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
    case RecordKind::row: row(*scope, *run, record, outputs); break;
    case RecordKind::begin: begin(*scope, record, outputs); break;
    case RecordKind::end: end(*scope, record, outputs); break;
    case RecordKind::same: same(*scope, record, outputs); break;
    case RecordKind::verdict: verdict(*scope, record, outputs); break;
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
    problem = fmt::format("there is no mapping of dataset '{}' for source '{}'", parsed->dataset,
                          parsed->source);
    return nullptr;
  }
  auto scope = std::make_unique<ActiveScope>();
  scope->scope = *parsed;
  scope->subject = subject;
  scope->prefix = scope_hash(subject);
  scope->dataset = dataset;
  scope->normalizer = normalizer;
  TaskStore::Block& block = store_.block(kScopeSpace, scope->prefix);
  if (const std::string* saved = store_.find(block, {})) {
    if (auto state = ScopeState::decode(*saved); state.ok()) scope->state = *std::move(state);
  }
  scope->emitted = scope->state;
  for (const PendingRun& p : scope->state.pending) {
    Run run;
    run.begin.run = p.run;
    run.begin_offset = p.begin_offset;
    run.waiting = p.waiting;
    run.in_memory = false;
    scope->runs.push_back(std::move(run));
  }
  last_ = scope.get();
  active_.emplace(scope->subject, std::move(scope));
  return last_;
}

void EntityTask::plain(const Record& record, Outputs& outputs) {
  const Dataset* dataset = datasets_.plain_of(options_.raw_topic);
  if (dataset == nullptr || !record.value) {
    outputs.dead_letter(record, dataset != nullptr ? dataset->name : "", "", "",
                        dataset == nullptr ? "records without ce_ headers are not taken in this topic"
                                           : "a tombstone says nothing in a raw topic");
    return;
  }
  RowBuilder& builder = *builders_.find(dataset->name)->second;
  builder.clear();
  if (const Status s = normalizers_.identity(*dataset).normalize(*record.value, record.key, {}, builder);
      !s.ok()) {
    outputs.dead_letter(record, dataset->name, "", "", s.error().message());
    return;
  }
  row_bytes_.clear();
  builder.encode(row_bytes_);
  thread_local std::vector<FieldValue> after;
  thread_local std::vector<FieldValue> before;
  decode_row(*dataset, row_bytes_, after);
  const Scope scope = scope_of(*dataset, after);
  const std::string subject = scope.subject();
  TaskStore::Block& block = store_.block(kRowSpace, scope_hash(subject));
  const KeyHash key = key_hash(*dataset, after);
  const std::string* old = store_.find(block, key);
  Counts counts;
  if (old != nullptr && canonical_part(*old) == canonical_part(row_bytes_)) {
    counts.same = 1;
    count_changes(scope.source, counts);
    return;
  }
  bool minor = false;
  if (old != nullptr) {
    decode_row(*dataset, *old, before);
    minor = differs_only_in_minor(*dataset, before, after);
    deltas(*dataset).add(before, -1);
  }
  deltas(*dataset).add(after, 1);
  writer_.start(*dataset, scope, subject, "", record.timestamp, options_.partition);
  writer_.write(old != nullptr ? &before : nullptr, &after, minor, record.offset + 1, outputs);
  (old == nullptr ? counts.created : minor ? counts.minor : counts.updated) = 1;
  store_.put(block, key, row_bytes_);
  count_changes(scope.source, counts);
}

void EntityTask::begin(ActiveScope& scope, const Record& record, Outputs& outputs) {
  auto decoded = decode_begin(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run,
                        decoded.error().message());
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
    if (!at->in_memory && !at->waiting) read_again(scope, *at, now - 1);
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
  Run* run = scope.runs.empty()             ? nullptr
             : scope.runs.back().id() == id ? &scope.runs.back()
                                            : scope.find(id);
  if (run == nullptr || run->end) return;
  // The rows of a run that is not in memory are read again at its end; what is wrong is told now.
  const Status status = run->in_memory ? take_row(scope, *run, record) : read_row(scope, record);
  if (!status.ok())
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run,
                        status.error().message());
}

Status EntityTask::read_row(const ActiveScope& scope, const Record& record) {
  RowBuilder& builder = *builders_.find(scope.dataset->name)->second;
  builder.clear();
  return scope.normalizer->normalize(*record.value, record.key, scope.scope, builder);
}

Status EntityTask::take_row(const ActiveScope& scope, Run& run, const Record& record) {
  ++run.received;
  if (Status s = read_row(scope, record); !s.ok()) {
    ++run.rejected;
    return s;
  }
  const RowBuilder& builder = *builders_.find(scope.dataset->name)->second;
  row_bytes_.clear();
  builder.encode(row_bytes_);
  decode_row(*scope.dataset, row_bytes_, row_values_);
  run.rows.add(key_hash(*scope.dataset, row_values_), row_bytes_);
  return {};
}

void EntityTask::end(ActiveScope& scope, const Record& record, Outputs& outputs) {
  const auto decoded = decode_end(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run,
                        decoded.error().message());
    return;
  }
  Run* run = scope.find(decoded->run);
  if (run == nullptr || run->end) return;  // an old run, or said twice
  if (!run->in_memory) read_again(scope, *run, record.offset - 1);
  run->end = *decoded;
  run->end_offset = record.offset;
  advance(scope, record.offset, outputs);
}

void EntityTask::same(ActiveScope& scope, const Record& record, Outputs& outputs) {
  const auto decoded = decode_same(*record.value);
  if (!decoded.ok()) {
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run,
                        decoded.error().message());
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
    outputs.dead_letter(record, scope.scope.dataset, scope.subject, record.meta->run,
                        decoded.error().message());
    return;
  }
  if (Run* run = scope.find(decoded->run); run != nullptr && run->waiting) {
    if (decoded->decision == Decision::release) return;  // nobody holds it
    if (!run->in_memory) read_again(scope, *run, record.offset - 1);
    if (decoded->decision == Decision::accept || decoded->decision == Decision::accept_partial) {
      const SnapshotDiff diff = compare(scope, *run);
      apply(scope, *run, diff, decoded->decision == Decision::accept, record.offset, outputs);
      accept_state(scope, *run, outputs);
      // Here or in another partition rows are missing: nothing is "the same" as this run.
      if (decoded->decision == Decision::accept_partial) scope.state.hash.clear();
    } else if (decoded->decision == Decision::hold) {
      hold(scope, *run, outputs);
    }
    std::erase_if(scope.runs, [&](const Run& r) { return r.id() == decoded->run; });
    advance(scope, record.offset, outputs);
    return;
  }
  if (!scope.state.held || scope.state.held->run != decoded->run) return;  // overtaken meanwhile
  const HeldRun held = *scope.state.held;
  Run run;
  run.begin.run = held.run;
  run.begin.partitions = held.partitions;
  run.begin_offset = held.begin_offset;
  run.end_offset = held.end_offset;
  run.in_memory = false;
  if (decoded->decision == Decision::release) {
    read_again(scope, run, held.end_offset);
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

// ---- deciding ---------------------------------------------------------------------------------

void EntityTask::advance(ActiveScope& scope, int64_t now, Outputs& outputs) {
  while (!scope.runs.empty()) {
    Run& run = scope.runs.front();
    if (run.waiting) return;
    if (!run.in_memory) read_again(scope, run, now);
    if (!run.end && !run.same) return;
    if (!decide(scope, run, now, outputs)) return;
    scope.runs.pop_front();
  }
}

SnapshotDiff EntityTask::compare(ActiveScope& scope, Run& run) {
  const int64_t duplicates = run.rows.sort_last_wins();
  SnapshotDiff diff =
      compare_snapshot(*scope.dataset, run.rows, store_.block(kRowSpace, scope.prefix));
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
      tell(scope, run, Outcome::incomplete, {}, "says 'as before', but of a run that is not the accepted one",
           outputs);
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

void EntityTask::apply(ActiveScope& scope, Run& run, const SnapshotDiff& diff, bool with_deletes,
                       int64_t now, Outputs& outputs) {
  TaskStore::Block& block = store_.block(kRowSpace, scope.prefix);
  const Dataset& dataset = *scope.dataset;
  DeltaCollector& delta = deltas(dataset);
  writer_.start(dataset, scope.scope, scope.subject, run.id().str(), run.id().snapshot_ms,
                options_.partition);
  std::vector<FieldValue> before;
  std::vector<FieldValue> after;
  std::string old;
  Counts applied;
  for (const SnapshotChange& change : diff.changes) {
    if (change.kind == ChangeKind::deleted && !with_deletes) continue;
    if (change.kind != ChangeKind::created) {
      old = *store_.find(block, change.key);
      decode_row(dataset, old, before);
      delta.add(before, -1);
    }
    if (change.after != nullptr) {
      const std::string_view bytes = run.rows.row(*change.after);
      decode_row(dataset, bytes, after);
      delta.add(after, 1);
      store_.put(block, change.key, std::string(bytes));
    } else {
      store_.erase(block, change.key);
    }
    writer_.write(change.kind == ChangeKind::created ? nullptr : &before,
                  change.after == nullptr ? nullptr : &after, change.kind == ChangeKind::minor, now + 1,
                  outputs);
    switch (change.kind) {
      case ChangeKind::created: ++applied.created; break;
      case ChangeKind::updated: ++applied.updated; break;
      case ChangeKind::minor: ++applied.minor; break;
      case ChangeKind::deleted: ++applied.deleted; break;
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
  scope.state.held =
      HeldRun{run.id(), run.begin_offset, run.end_offset, run.begin.partitions};
}

void EntityTask::read_again(ActiveScope& scope, Run& run, int64_t last) {
  const RunId id = run.id();
  run.rows.clear();
  run.received = run.rejected = 0;
  run.end.reset();
  run.in_memory = true;
  const Status status = log_.read(run.begin_offset, last, [&](const Record& record) {
    if (!record.meta || record.meta->subject != scope.subject || !record.value) return;
    const auto of = RunId::parse(record.meta->run);
    if (!of || *of != id) return;
    switch (record.meta->kind) {
      case RecordKind::begin:
        if (auto begin = decode_begin(*record.value); begin.ok()) run.begin = *std::move(begin);
        break;
      case RecordKind::end:
        if (auto end = decode_end(*record.value); end.ok()) run.end = *std::move(end);
        run.end_offset = record.offset;
        break;
      case RecordKind::same:
        if (auto same = decode_same(*record.value); same.ok()) run.same = *std::move(same);
        break;
      case RecordKind::row: (void)take_row(scope, run, record); break;  // told when it first came
      case RecordKind::verdict: break;
    }
  });
  // Deciding on half of the rows would be wrong; the lane starts over when the log can be read.
  if (!status.ok()) throw std::runtime_error(status.error().message());
}

// ---- telling ----------------------------------------------------------------------------------

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

// ---- commit and restore -----------------------------------------------------------------------

void EntityTask::save(ActiveScope& scope) {
  TaskStore::Block& block = store_.block(kScopeSpace, scope.prefix);
  store_.put(block, {}, scope.state.encode(scope.subject));
}

void EntityTask::before_commit(Outputs& outputs) {
  for (auto& [name, delta] : deltas_) delta->emit(outputs);
  for (auto at = active_.begin(); at != active_.end();) {
    ActiveScope& scope = *at->second;
    scope.state.pending.clear();
    for (const Run& run : scope.runs)
      scope.state.pending.push_back({run.id(), run.begin_offset, run.waiting});
    if (!(scope.state == scope.emitted)) {
      outputs.emit(scope.dataset->scope_topic(), options_.partition, scope.subject,
                   scope.state.encode(scope.subject));
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
  limit_memory();
}

void EntityTask::limit_memory() {
  size_t bytes = 0;
  for (auto& [subject, scope] : active_)
    for (Run& run : scope->runs) {
      bytes += run.rows.bytes();
      if (bytes <= options_.run_memory_bytes || !run.in_memory) continue;
      bytes -= run.rows.bytes();
      run.rows.clear();
      run.in_memory = false;
    }
}

Status EntityTask::restore(std::string_view topic, std::string_view key,
                           std::optional<std::string_view> value) {
  const bool is_scope = topic.starts_with("scope.");
  const Dataset* dataset = datasets_.find(topic.substr(topic.find('.') + 1));
  if (dataset == nullptr) return Error{"no such dataset", std::string(topic), ""};
  if (is_scope) {
    TaskStore::Block& block = store_.block(kScopeSpace, scope_hash(key));
    if (value)
      store_.put(block, {}, std::string(*value));
    else
      store_.erase(block, {});
    return {};
  }
  return value ? restore_row(*dataset, *value) : restore_tombstone(*dataset, key);
}

// The delete before it may be compacted away while an older checkpoint still has the row.
Status EntityTask::restore_tombstone(const Dataset& dataset, std::string_view key) {
  RowBuilder& builder = *builders_.find(dataset.name)->second;
  if (Status s = normalizers_.identity(dataset).normalize(key, {}, {}, builder);
      !s.ok() && std::any_of(dataset.key.begin(), dataset.key.end(),
                             [&](int field) { return !builder.is_set(field); }))
    return s;
  row_bytes_.clear();
  builder.encode(row_bytes_);
  decode_row(dataset, row_bytes_, row_values_);
  TaskStore::Block& block =
      store_.block(kRowSpace, scope_hash(scope_of(dataset, row_values_).subject()));
  store_.erase(block, key_hash(dataset, row_values_));
  return {};
}

Status EntityTask::restore_row(const Dataset& dataset, std::string_view change) {
  // The fields are asked for in the order in which ChangeWriter writes them.
  const simdjson::padded_string padded(change);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  std::string_view before;
  std::string_view after;
  std::string_view op;
  std::string_view subject;
  const auto raw_object = [&](const char* name, std::string_view& out) {
    simdjson::ondemand::value v;
    if (object[name].get(v)) return false;
    if (bool null = false; !v.is_null().get(null) && null) return true;
    simdjson::ondemand::object o;
    return !v.get_object().get(o) && !o.raw_json().get(out);
  };
  simdjson::ondemand::object source;
  if (parser_->iterate(padded).get(document) || document.get_object().get(object) ||
      !raw_object("before", before) || !raw_object("after", after) ||
      object["op"].get_string().get(op) || object["source"].get_object().get(source) ||
      source["scope"].get_string().get(subject))
    return Error{"not a change event", dataset.change_topic(), ""};
  RowBuilder& builder = *builders_.find(dataset.name)->second;
  builder.clear();
  SUJIP_CHECK_OK(
      normalizers_.identity(dataset).normalize(op == "d" ? before : after, {}, {}, builder));
  row_bytes_.clear();
  builder.encode(row_bytes_);
  decode_row(dataset, row_bytes_, row_values_);
  TaskStore::Block& block = store_.block(kRowSpace, scope_hash(subject));
  if (op == "d")
    store_.erase(block, key_hash(dataset, row_values_));
  else
    store_.put(block, key_hash(dataset, row_values_), row_bytes_);
  return {};
}

}  // namespace sujip
