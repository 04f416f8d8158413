#include "processors/entity/snapshot.h"

#include <fmt/format.h>

namespace sujip {
namespace {

// Rows of which more than half are unusable tell of a broken mapping, not of data.
constexpr int64_t kMostlyRejectedFloor = 10;

void count_difference(const Dataset& dataset, std::string_view before, std::string_view after, SnapshotChange& change,
                      Counts& counts) {
  thread_local std::vector<FieldValue> old_values;
  thread_local std::vector<FieldValue> new_values;
  decode_row(dataset, before, old_values);
  decode_row(dataset, after, new_values);
  if (differs_only_in_minor(dataset, old_values, new_values)) {
    change.kind = ChangeKind::minor;
    ++counts.minor;
    return;
  }
  change.kind = ChangeKind::updated;
  ++counts.updated;
  if (is_zeroed(dataset, old_values, new_values)) ++counts.zeroed;
}

}  // namespace

SnapshotDiff compare_snapshot(const Dataset& dataset, const RunRows& rows, const Block& block) {
  SnapshotDiff diff;
  auto old = block.begin();
  const auto vanish_up_to = [&](const KeyHash* key) {
    for (; old != block.end() && (key == nullptr || (*old).key < *key); ++old) {
      diff.changes.push_back({ChangeKind::deleted, (*old).key, nullptr});
      ++diff.counts.deleted;
      ++diff.counts.before;
    }
  };
  for (const RunRows::Item& item : rows.items()) {
    vanish_up_to(&item.key);
    if (old == block.end() || (*old).key != item.key) {
      diff.changes.push_back({ChangeKind::created, item.key, &item});
      ++diff.counts.created;
      continue;
    }
    ++diff.counts.before;
    const std::string_view was = (*old).value;
    const std::string_view is = rows.row(item);
    ++old;
    if (canonical_part(was) == canonical_part(is)) {
      ++diff.counts.same;
      continue;
    }
    SnapshotChange change{ChangeKind::updated, item.key, &item};
    count_difference(dataset, was, is, change, diff.counts);
    diff.changes.push_back(change);
  }
  vanish_up_to(nullptr);
  return diff;
}

RunDecision decide_run(const Counts& c, const std::optional<Guard>& guard, bool accept_empty) {
  if (c.rejected >= kMostlyRejectedFloor && c.rejected * 2 > c.rows)
    return {Outcome::incomplete,
            fmt::format("{} of {} rows are unusable: look at the mapping, see `sujip dead list`", c.rejected, c.rows)};
  if (c.rows == 0 && !accept_empty) return {Outcome::held, fmt::format("no rows where {} were before", c.before)};
  if (guard && c.before >= guard->min_rows) {
    const auto before = static_cast<double>(c.before);
    if (static_cast<double>(c.deleted) > guard->deleted_share * before)
      return {Outcome::held, fmt::format("{} of {} rows would be deleted", c.deleted, c.before)};
    if (static_cast<double>(c.zeroed) > guard->zeroed_share * before)
      return {Outcome::held, fmt::format("{} of {} rows would lose a guarded value", c.zeroed, c.before)};
  }
  if (c.rejected > 0)
    return {Outcome::partial, fmt::format("{} rows went to dead.letter, nothing was deleted", c.rejected)};
  return {Outcome::accepted, ""};
}

}  // namespace sujip
