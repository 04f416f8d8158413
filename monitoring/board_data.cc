#include "monitoring/board_data.h"

#include <algorithm>
#include <functional>

#include "monitoring/state.h"

namespace sujip::monitoring {
namespace {

std::string ms(const std::string& column) {
  return "(extract(epoch from " + column + ") * 1000)::bigint";
}

std::string text(const pg::Rows& rows, int r, int c) { return std::string(rows.text(r, c)); }

Status read_sources(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, kind, slices, overdue, rows, accounts_expected, "
                            "accounts_collected, held, problems, " +
                            ms("last_attempt") + ", " + ms("last_success") +
                            ", complete_through from sujip.board_source order by source"));
  for (int r = 0; r < rows.size(); ++r) {
    Source s;
    s.name = text(rows, r, 0);
    s.kind = text(rows, r, 1);
    s.slices = rows.integer(r, 2);
    s.overdue = rows.integer(r, 3);
    s.rows = rows.integer(r, 4);
    s.accounts_expected = rows.integer(r, 5);
    s.accounts_collected = rows.integer(r, 6);
    s.held = rows.integer(r, 7);
    s.problems = rows.integer(r, 8);
    s.last_attempt = rows.maybe_integer(r, 9);
    s.last_success = rows.maybe_integer(r, 10);
    s.complete_through = Day::parse(rows.text(r, 11));
    data.sources.push_back(std::move(s));
  }
  return {};
}

Status read_slices(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, account, dataset, slice, scope, run, kind, \"column\", "
                            "data_date, state, rows, restatements, restated_rows, reason "
                            "from sujip.board_slice order by source, account, slice, dataset, run"));
  data.slices.reserve(static_cast<size_t>(rows.size()));
  for (int r = 0; r < rows.size(); ++r) {
    Slice s;
    s.source = text(rows, r, 0);
    s.account = text(rows, r, 1);
    s.dataset = text(rows, r, 2);
    s.slice = text(rows, r, 3);
    s.scope = text(rows, r, 4);
    s.run = text(rows, r, 5);
    s.kind = text(rows, r, 6);
    s.column = text(rows, r, 7);
    s.date = Day::parse(rows.text(r, 8));
    s.state = text(rows, r, 9);
    s.rows = rows.integer(r, 10);
    s.restatements = rows.integer(r, 11);
    s.restated_rows = rows.integer(r, 12);
    s.reason = text(rows, r, 13);
    data.slices.push_back(std::move(s));
  }
  return {};
}

Status read_held(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, account, dataset, slice, scope, run, reason, " +
                            ms("snapshot_at") +
                            ", rows, created, updated, deleted, zeroed "
                            "from sujip.board_held order by source, scope, run"));
  for (int r = 0; r < rows.size(); ++r) {
    HeldRun h;
    h.source = text(rows, r, 0);
    h.account = text(rows, r, 1);
    h.dataset = text(rows, r, 2);
    h.slice = text(rows, r, 3);
    h.scope = text(rows, r, 4);
    h.run = text(rows, r, 5);
    h.reason = text(rows, r, 6);
    h.snapshot_at = rows.maybe_integer(r, 7);
    h.rows = rows.integer(r, 8);
    h.created = rows.integer(r, 9);
    h.updated = rows.integer(r, 10);
    h.deleted = rows.integer(r, 11);
    h.zeroed = rows.integer(r, 12);
    data.held.push_back(std::move(h));
  }
  return {};
}

Status read_problems(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, scope, stage, file, state, message, hint, " + ms("ts") +
                            ", count(*) over () from sujip.board_problem order by ts desc limit " +
                            std::to_string(BoardData::kListed)));
  for (int r = 0; r < rows.size(); ++r) {
    Problem p;
    p.source = text(rows, r, 0);
    p.scope = text(rows, r, 1);
    p.stage = text(rows, r, 2);
    p.file = text(rows, r, 3);
    p.state = text(rows, r, 4);
    p.message = text(rows, r, 5);
    p.hint = text(rows, r, 6);
    p.at = rows.maybe_integer(r, 7);
    data.problem_count = rows.integer(r, 8);
    data.problems.push_back(std::move(p));
  }
  return {};
}

Status read_dead_letters(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows counts,
            connection.exec("select topic, count(*) filter (where retried_at is null) "
                            "from sujip.dead_letter group by topic order by topic"));
  for (int r = 0; r < counts.size(); ++r) data.dead_letters[text(counts, r, 0)] = counts.integer(r, 1);
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select topic, partition, \"offset\", dataset, scope, reason, " + ms("ts") +
                            " from sujip.dead_letter where retried_at is null "
                            "order by ts desc nulls last limit 5"));
  for (int r = 0; r < rows.size(); ++r) {
    DeadLetterLine d;
    d.topic = text(rows, r, 0);
    d.partition = rows.integer(r, 1);
    d.offset = rows.integer(r, 2);
    d.dataset = text(rows, r, 3);
    d.scope = text(rows, r, 4);
    d.reason = text(rows, r, 5);
    d.at = rows.maybe_integer(r, 6);
    data.newest_dead.push_back(std::move(d));
  }
  return {};
}

// Everything that is shown, hashed; not the moment of reading.
std::string version_of(const BoardData& data) {
  std::string all;
  const auto add = [&all](const auto&... parts) { ((all += parts, all += '\x1f'), ...); };
  for (const Source& s : data.sources)
    add(s.name, std::to_string(s.rows), std::to_string(s.problems),
        std::to_string(s.last_attempt.value_or(0)));
  for (const Slice& s : data.slices)
    add(s.scope, s.run, s.state, std::to_string(s.rows), std::to_string(s.restated_rows));
  for (const HeldRun& h : data.held) add(h.scope, h.run);
  for (const Problem& p : data.problems) add(p.scope, p.file, p.message);
  for (const auto& [topic, n] : data.dead_letters) add(topic, std::to_string(n));
  return std::to_string(std::hash<std::string>{}(all));
}

}  // namespace

std::string_view Source::state() const {
  std::string_view worst = states.empty() ? "pending" : "excluded";
  for (const auto& [code, count] : states)
    if (count > 0 && state_of(code).severity > state_of(worst).severity) worst = code;
  if (problems > 0 && state_of(worst).severity < state_of("failed").severity) return "failed";
  return worst;
}

bool Source::is_complete() const {
  if (needs_attention() || slices == 0) return false;
  for (const auto& [code, count] : states)
    if (count > 0 && !is_done(code) && code != "excluded") return false;
  return true;
}

int64_t BoardData::dead_letter_count() const {
  int64_t sum = 0;
  for (const auto& [topic, n] : dead_letters) sum += n;
  return sum;
}

const Source* BoardData::source(std::string_view name) const {
  for (const Source& s : sources)
    if (s.name == name) return &s;
  return nullptr;
}

Result<std::string> read_fingerprint(pg::Connection& connection) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec(
                "select concat_ws('/', (select max(ts)::text || count(*) from sujip.run_log), "
                "(select max(decided_at)::text || count(*) from sujip.change_log), "
                "(select count(*)::text || count(retried_at) from sujip.dead_letter), "
                "(select max(updated_at)::text || count(*) from sujip.source), "
                "(select max(updated_at)::text || count(*) from sujip.known_account), "
                "(select count(*) from sujip.run_log where state = 'finished'), "
                "(select max(updated_at)::text || count(*) from sujip.expectation))"));
  return text(rows, 0, 0);
}

Result<BoardData> read_board(pg::Connection& connection) {
  SUJIP_TRY(auto transaction,
            pg::Transaction::begin(connection, "isolation level repeatable read, read only"));
  BoardData data;
  data.at = now_ms();
  SUJIP_CHECK_OK(read_sources(connection, data));
  SUJIP_CHECK_OK(read_slices(connection, data));
  SUJIP_CHECK_OK(read_held(connection, data));
  SUJIP_CHECK_OK(read_problems(connection, data));
  SUJIP_CHECK_OK(read_dead_letters(connection, data));
  SUJIP_CHECK_OK(transaction.commit());
  std::map<std::string_view, Source*> by_name;
  for (Source& s : data.sources) by_name[s.name] = &s;
  for (const Slice& s : data.slices)
    if (const auto it = by_name.find(s.source); it != by_name.end()) ++it->second->states[s.state];
  std::stable_sort(data.sources.begin(), data.sources.end(), [](const Source& a, const Source& b) {
    return state_of(a.state()).severity > state_of(b.state()).severity;
  });
  data.version = version_of(data);
  return data;
}

Result<SliceLog> read_slice_log(pg::Connection& connection, const std::string& source,
                                const std::string& account, const std::string& slice,
                                const std::string& run) {
  SliceLog log;
  SUJIP_TRY(const pg::Rows runs,
            connection.query("select scope, dataset, run, state, verdict, reason, \"by\", " +
                                 ms("snapshot_at") + ", " + ms("decided_at") + ", " + ms("sunk_at") +
                                 ", rows, created, updated, minor, deleted, zeroed, duplicates, "
                                 "rejected, same from sujip.board_run where source = $1 and "
                                 "account = $2 and slice = $3 and ($4 = '' or run = $4) "
                                 "order by run desc, dataset limit 100",
                             source, account, slice, run));
  for (int r = 0; r < runs.size(); ++r) {
    RunLine l;
    l.scope = text(runs, r, 0);
    l.dataset = text(runs, r, 1);
    l.run = text(runs, r, 2);
    l.state = text(runs, r, 3);
    l.verdict = text(runs, r, 4);
    l.reason = text(runs, r, 5);
    l.by = text(runs, r, 6);
    l.snapshot_at = runs.maybe_integer(r, 7);
    l.decided_at = runs.maybe_integer(r, 8);
    l.sunk_at = runs.maybe_integer(r, 9);
    int64_t* const counts[] = {&l.rows,   &l.created,    &l.updated,  &l.minor, &l.deleted,
                               &l.zeroed, &l.duplicates, &l.rejected, &l.same};
    for (int c = 0; c < 9; ++c) *counts[c] = runs.integer(r, 10 + c);
    log.runs.push_back(std::move(l));
  }
  SUJIP_TRY(const pg::Rows stages,
            connection.query("select dataset, run, stage, state, file, message, hint, attempt, rows, "
                             "bytes, duration_ms, " +
                                 ms("started_at") + ", " + ms("ts") +
                                 " from sujip.run_log where source = $1 and account = $2 and "
                                 "coalesce(slice, '') = $3 and ($4 = '' or run = $4) "
                                 "order by run desc, dataset, ts desc limit 200",
                             source, account, slice, run));
  for (int r = 0; r < stages.size(); ++r) {
    StageLine l;
    l.dataset = text(stages, r, 0);
    l.run = text(stages, r, 1);
    l.stage = text(stages, r, 2);
    l.state = text(stages, r, 3);
    l.file = text(stages, r, 4);
    l.message = text(stages, r, 5);
    l.hint = text(stages, r, 6);
    l.attempt = stages.integer(r, 7);
    l.rows = stages.integer(r, 8);
    l.bytes = stages.integer(r, 9);
    l.duration_ms = stages.integer(r, 10);
    l.started_at = stages.maybe_integer(r, 11);
    l.at = stages.maybe_integer(r, 12);
    log.stages.push_back(std::move(l));
  }
  return log;
}

}  // namespace sujip::monitoring
