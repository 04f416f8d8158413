#include "sinks/postgres/loads.h"

#include "sinks/postgres/rows.h"

namespace sujip::sink {
namespace {

// Runs looked at in one round; the others wait for the next.
constexpr int kAtOnce = 5000;

}  // namespace

bool has_passed(const std::vector<int64_t>& goal, const std::string& topic, const std::vector<ProgressRow>& rows) {
  size_t passed = 0;
  size_t needed = 0;
  for (const int64_t offset : goal) needed += offset > 0 ? 1 : 0;
  for (const ProgressRow& row : rows) {
    if (row.tp.topic != topic) continue;
    const auto p = static_cast<size_t>(row.tp.partition);
    if (p < goal.size() && goal[p] > 0 && row.next_offset >= goal[p]) ++passed;
  }
  return passed == needed;
}

Result<int> Loads::check(pg::Connection& connection, kafka::Admin& admin,
                         const std::map<std::string, int32_t>& partitions, const std::vector<ProgressRow>& rows) {
  SUJIP_TRY(auto open, connection.query("select scope, run, dataset from sujip.run_log where "
                                        "stage = 'sink' and state = 'started' limit $1",
                                        kAtOnce));
  std::map<std::string, std::vector<int64_t>> ends;  // one look per dataset and round
  std::map<Run, Goal> still;
  std::string scopes = "{";
  std::string runs = "{";
  int arrived = 0;
  for (int i = 0; i < open.size(); ++i) {
    const Run run{std::string(open.text(i, 0)), std::string(open.text(i, 1))};
    if (live_ && !live_->is_live(open.text(i, 2))) continue;
    const std::string topic = names_.topic("change." + std::string(open.text(i, 2)));
    auto found = goals_.find(run);
    if (found == goals_.end()) {
      const auto known = partitions.find(topic);
      if (known != partitions.end() && !ends.contains(topic)) {
        SUJIP_TRY(ends[topic], admin.end_offsets(topic, known->second));
      }
      // A dataset nobody keeps has nothing to wait for.
      found = goals_.emplace(run, Goal{topic, known == partitions.end() ? std::vector<int64_t>() : ends[topic]}).first;
    }
    if (!has_passed(found->second.offsets, topic, rows)) {
      still.insert(*found);
      continue;
    }
    if (arrived++ > 0) {
      scopes += ',';
      runs += ',';
    }
    append_array_element(scopes, run.first);
    append_array_element(runs, run.second);
  }
  if (arrived > 0) {
    SUJIP_CHECK_OK(
        connection.query("update sujip.run_log as r set state = 'finished', ts = now(), "
                         "duration_ms = extract(epoch from now() - r.started_at) * 1000 "
                         "from unnest($1::text[], $2::text[]) as b (scope, run) where r.scope = b.scope "
                         "and r.run = b.run and r.stage = 'sink' and r.state = 'started'",
                         scopes + "}", runs + "}"));
  }
  goals_ = std::move(still);
  return arrived;
}

}  // namespace sujip::sink
