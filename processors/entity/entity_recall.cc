// Rows of runs that are not in memory are read again from the raw log: after a restart, and when there were too many.
//
// Every run that was under way when a process ended is needed again, and a reading of the log costs a round trip and
// all records between a run's begin and now. So one reading serves all runs that lie near each other.

#include "processors/entity/entity_task.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace sujip {
namespace {

// How many records more than it must a reading goes through for the sake of other runs: about what a reading costs by
// itself. A run that never came to its end would otherwise have the whole log read with each restart.
constexpr int64_t kNear = 20'000;

}  // namespace

void EntityTask::remember_pending(std::string_view subject, bool any) {
  Block& block = store_.block(kPendingSpace, 0);
  const KeyHash key{0, scope_hash(subject)};
  if (any == block.find(key).has_value()) return;
  if (any)
    store_.put(block, key, subject);
  else
    store_.erase(block, key);
}

// Once in a task's life: runs of scopes of which nothing was heard yet.
void EntityTask::activate_pending() {
  if (std::exchange(knows_pending_, true)) return;
  std::vector<std::string> subjects;
  const Block& block = store_.block(kPendingSpace, 0);
  for (const Block::Item row : block) subjects.emplace_back(row.value);
  std::string ignored;
  for (const std::string& subject : subjects)
    if (const ActiveScope* scope = activate(subject, ignored); scope != nullptr && scope->runs.empty())
      remember_pending(subject, false);
}

void EntityTask::recall(Run& run, int64_t last) {
  activate_pending();
  const int64_t nearest = run.begin_offset - kNear;
  int64_t first = run.begin_offset;
  auto room = static_cast<int64_t>(options_.run_memory_bytes);
  std::vector<Run*> wanted = {&run};
  for (auto& [subject, scope] : active_)
    for (Run& r : scope->runs) {
      room -= static_cast<int64_t>(r.rows.bytes());
      if (&r == &run || r.rows_at != RowsAt::log || r.begin_offset < nearest) continue;
      wanted.push_back(&r);
      first = std::min(first, r.begin_offset);
    }
  for (Run* r : wanted) r->start_reading();
  read_rows(
      first, last,
      [&](const RawMeta& meta) -> Place {
        const auto scope = active_.find(meta.subject);
        const auto id = RunId::parse(meta.run);
        if (scope == active_.end() || !id) return {};
        Run* r = scope->second->find(*id);
        if (r == nullptr || r->rows_at != RowsAt::reading) return {};
        return {scope->second.get(), r};
      },
      [&](Run& r, int64_t bytes) {
        room -= bytes;
        if (room >= 0 || &r == &run) return;
        room += static_cast<int64_t>(r.rows.bytes());
        r.drop_rows(RowsAt::dropped);
      });
  for (Run* r : wanted)
    if (r->rows_at == RowsAt::reading) r->rows_at = RowsAt::memory;
}

void EntityTask::recall_held(ActiveScope& scope, Run& run, int64_t last) {
  run.start_reading();
  read_rows(
      run.begin_offset, last,
      [&](const RawMeta& meta) -> Place {
        if (meta.subject != scope.subject || RunId::parse(meta.run) != run.id()) return {};
        return {&scope, &run};
      },
      [](Run&, int64_t) {});
  run.rows_at = RowsAt::memory;
}

void EntityTask::read_rows(int64_t first, int64_t last, const std::function<Place(const RawMeta&)>& place_of,
                           const std::function<void(Run&, int64_t)>& taken) {
  std::string reason;
  const Status status = log_.read(first, last, [&](const Record& record) {
    if (!record.meta || !record.value) return;
    const auto [scope, run] = place_of(*record.meta);
    if (run == nullptr) return;
    switch (record.meta->kind) {
      case RecordKind::begin:
        if (auto begin = decode_begin(*record.value); begin.ok()) run->begin = *std::move(begin);
        break;
      case RecordKind::end:
        if (auto end = decode_end(*record.value); end.ok()) run->end = *std::move(end);
        run->end_offset = record.offset;
        break;
      case RecordKind::same:
        if (auto same = decode_same(*record.value); same.ok()) {
          run->begin.snapshot_at = same->snapshot_at;
          run->begin.partitions = same->partitions;
          run->same = *std::move(same);
        }
        break;
      case RecordKind::row: {
        if (run->end || record.offset < run->begin_offset) break;
        const size_t before = run->rows.size();
        (void)take_row(*scope, *run, record, reason);  // what is wrong with it was told when it first came
        if (run->rows.size() > before) taken(*run, static_cast<int64_t>(row_bytes_.size() + sizeof(RunRows::Item)));
        break;
      }
      case RecordKind::verdict:
        break;
    }
  });
  // Deciding on half of the rows would be wrong; the lane starts over when the log can be read.
  if (!status.ok()) throw std::runtime_error(status.error().message());
}

}  // namespace sujip
