#include "monitoring/board_data.h"

#include <algorithm>
#include <functional>

#include "monitoring/state.h"

namespace sujip::monitoring {
namespace {

std::string ms(const std::string& column) { return "(extract(epoch from " + column + ") * 1000)::bigint"; }

void read(const pg::Rows& rows, int r, int c, std::string& out) { out = rows.text(r, c); }
void read(const pg::Rows& rows, int r, int c, int64_t& out) { out = rows.integer(r, c); }
void read(const pg::Rows& rows, int r, int c, std::optional<int64_t>& out) { out = rows.maybe_integer(r, c); }
void read(const pg::Rows& rows, int r, int c, std::optional<Day>& out) { out = Day::parse(rows.text(r, c)); }

// Appends an item per row; `fields` in the order of the columns.
template <class Item, class... Field>
void append(std::vector<Item>& out, const pg::Rows& rows, Field Item::*... fields) {
  out.reserve(out.size() + static_cast<size_t>(rows.size()));
  for (int r = 0; r < rows.size(); ++r) {
    Item item;
    int column = 0;
    (read(rows, r, column++, item.*fields), ...);
    out.push_back(std::move(item));
  }
}

Status read_sources(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows, connection.exec("select source, kind, slices, overdue, rows, accounts_expected, "
                                                 "accounts_collected, held, problems, " +
                                                 ms("last_attempt") + ", " + ms("last_success") +
                                                 ", complete_through from sujip.board_source order by source"));
  append(data.sources, rows, &Source::name, &Source::kind, &Source::slices, &Source::overdue, &Source::rows,
         &Source::accounts_expected, &Source::accounts_collected, &Source::held, &Source::problems,
         &Source::last_attempt, &Source::last_success, &Source::complete_through);
  return {};
}

Status read_slices(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, account, dataset, slice, scope, run, kind, \"column\", "
                            "data_date, state, rows, restatements, restated_rows, reason "
                            "from sujip.board_slice order by source, account, slice, dataset, run"));
  append(data.slices, rows, &Slice::source, &Slice::account, &Slice::dataset, &Slice::slice, &Slice::scope, &Slice::run,
         &Slice::kind, &Slice::column, &Slice::date, &Slice::state, &Slice::rows, &Slice::restatements,
         &Slice::restated_rows, &Slice::reason);
  return {};
}

Status read_held(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, account, dataset, slice, scope, run, reason, " + ms("snapshot_at") +
                            ", rows, created, updated, deleted, zeroed "
                            "from sujip.board_held order by source, scope, run"));
  append(data.held, rows, &HeldRun::source, &HeldRun::account, &HeldRun::dataset, &HeldRun::slice, &HeldRun::scope,
         &HeldRun::run, &HeldRun::reason, &HeldRun::snapshot_at, &HeldRun::rows, &HeldRun::created, &HeldRun::updated,
         &HeldRun::deleted, &HeldRun::zeroed);
  return {};
}

Status read_problems(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select source, scope, stage, file, state, message, hint, " + ms("ts") +
                            ", count(*) over () from sujip.board_problem order by ts desc limit " +
                            std::to_string(BoardData::kListed)));
  append(data.problems, rows, &Problem::source, &Problem::scope, &Problem::stage, &Problem::file, &Problem::state,
         &Problem::message, &Problem::hint, &Problem::at);
  if (!rows.empty()) data.problem_count = rows.integer(0, 8);
  return {};
}

Status read_dead_letters(pg::Connection& connection, BoardData& data) {
  SUJIP_TRY(const pg::Rows counts, connection.exec("select topic, count(*) filter (where retried_at is null) "
                                                   "from sujip.dead_letter group by topic order by topic"));
  for (int r = 0; r < counts.size(); ++r) data.dead_letters[std::string(counts.text(r, 0))] = counts.integer(r, 1);
  SUJIP_TRY(const pg::Rows rows,
            connection.exec("select topic, partition, \"offset\", dataset, scope, reason, " + ms("ts") +
                            " from sujip.dead_letter where retried_at is null "
                            "order by ts desc nulls last limit 5"));
  using Line = DeadLetterLine;
  append(data.newest_dead, rows, &Line::topic, &Line::partition, &Line::offset, &Line::dataset, &Line::scope,
         &Line::reason, &Line::at);
  return {};
}

// Everything that is shown, hashed; not the moment of reading.
std::string version_of(const BoardData& data) {
  std::string all;
  const auto add = [&all](const auto&... parts) { ((all += parts, all += '\x1f'), ...); };
  for (const Source& s : data.sources)
    add(s.name, std::to_string(s.rows), std::to_string(s.problems), std::to_string(s.last_attempt.value_or(0)));
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
            connection.exec("select concat_ws('/', (select max(ts)::text || count(*) from sujip.run_log), "
                            "(select max(decided_at)::text || count(*) from sujip.change_log), "
                            "(select count(*)::text || count(retried_at) from sujip.dead_letter), "
                            "(select max(updated_at)::text || count(*) from sujip.source), "
                            "(select max(updated_at)::text || count(*) from sujip.known_account), "
                            "(select count(*) from sujip.run_log where state = 'finished'), "
                            "(select max(updated_at)::text || count(*) from sujip.expectation))"));
  return std::string(rows.text(0, 0));
}

Result<BoardData> read_board(pg::Connection& connection) {
  SUJIP_TRY(auto transaction, pg::Transaction::begin(connection, "isolation level repeatable read, read only"));
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

Result<SliceLog> read_slice_log(pg::Connection& connection, const std::string& source, const std::string& account,
                                const std::string& slice, const std::string& run) {
  SliceLog log;
  SUJIP_TRY(const pg::Rows runs,
            connection.query("select scope, dataset, run, state, verdict, reason, \"by\", " + ms("snapshot_at") + ", " +
                                 ms("decided_at") + ", " + ms("sunk_at") +
                                 ", rows, created, updated, minor, deleted, zeroed, duplicates, "
                                 "rejected, same from sujip.board_run where source = $1 and "
                                 "account = $2 and slice = $3 and ($4 = '' or run = $4) "
                                 "order by run desc, dataset limit 100",
                             source, account, slice, run));
  append(log.runs, runs, &RunLine::scope, &RunLine::dataset, &RunLine::run, &RunLine::state, &RunLine::verdict,
         &RunLine::reason, &RunLine::by, &RunLine::snapshot_at, &RunLine::decided_at, &RunLine::sunk_at, &RunLine::rows,
         &RunLine::created, &RunLine::updated, &RunLine::minor, &RunLine::deleted, &RunLine::zeroed,
         &RunLine::duplicates, &RunLine::rejected, &RunLine::same);
  SUJIP_TRY(const pg::Rows stages,
            connection.query("select dataset, run, stage, state, file, message, hint, attempt, rows, "
                             "bytes, duration_ms, " +
                                 ms("started_at") + ", " + ms("ts") +
                                 " from sujip.run_log where source = $1 and account = $2 and "
                                 "coalesce(slice, '') = $3 and ($4 = '' or run = $4) "
                                 "order by run desc, dataset, ts desc limit 200",
                             source, account, slice, run));
  append(log.stages, stages, &StageLine::dataset, &StageLine::run, &StageLine::stage, &StageLine::state,
         &StageLine::file, &StageLine::message, &StageLine::hint, &StageLine::attempt, &StageLine::rows,
         &StageLine::bytes, &StageLine::duration_ms, &StageLine::started_at, &StageLine::at);
  return log;
}

}  // namespace sujip::monitoring
