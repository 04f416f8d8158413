#include "cli/generation_swap.h"

#include <fmt/format.h>

#include <thread>

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

// One lock; and all of it, which stays below deadlock_timeout (1 s), after which PostgreSQL would end a reader.
constexpr const char* kLimits = "set local lock_timeout = '100ms'; set local statement_timeout = '800ms'";

Status once(pg::Connection& connection, const topics::Generation& to) {
  SUJIP_TRY(auto transaction, pg::Transaction::begin(connection));
  SUJIP_CHECK_OK(connection.exec(kLimits));
  std::string sql;
  if (to.datasets.empty()) {
    sql =
        fmt::format("delete from sujip.generation_live; insert into sujip.generation_live values ('', {});", to.number);
  } else {
    for (const std::string& dataset : to.datasets)
      sql += fmt::format(
          "insert into sujip.generation_live values ({}, {}) "
          "on conflict (dataset) do update set number = excluded.number;",
          pg::quote_text(dataset), to.number);
  }
  SUJIP_CHECK_OK(connection.exec(sql));
  SUJIP_CHECK_OK(connection.exec(
      fmt::format("update sujip.generation g set swapped_at = case when number = {0} then now() else swapped_at end, "
                  "state = case when exists (select from sujip.generation_live l where l.number = g.number) "
                  "then 'live' else 'former' end where number = {0} or state = 'live'",
                  to.number)));
  SUJIP_CHECK_OK(connection.exec("select sujip.show_live_generation()"));
  return transaction.commit();
}

// Who holds the views, for the message.
std::string holders(pg::Connection& connection) {
  const auto rows = connection.exec(
      "select string_agg(distinct format('pid %s (%s, since %s)', a.pid, a.application_name, "
      "to_char(a.xact_start, 'HH24:MI:SS')), ', ') from pg_locks l join pg_stat_activity a on a.pid = l.pid "
      "join sujip.generation_view v on l.relation = to_regclass(format('sujip.%I', v.name)) "
      "where l.pid <> pg_backend_pid()");
  return rows.ok() ? std::string(rows->text(0, 0)) : "";
}

}  // namespace

Status swap_views(pg::Connection& connection, const topics::Generation& to, Clock::time_point deadline) {
  for (int attempt = 1;; ++attempt) {
    const Status done = once(connection, to);
    if (done.ok()) return {};
    // 57014: it took longer than it may, which is a lock of somebody, too.
    const bool again = connection.trouble() == pg::Trouble::retry || connection.sqlstate() == "57014" ||
                       connection.sqlstate() == "23505";
    if (!again) return done.error();
    if (Clock::now() >= deadline)
      return Error{"readers hold the views all the time: " + holders(connection), connection.where(),
                   "end long transactions, or give it longer: --wait"};
    std::this_thread::sleep_for(std::chrono::milliseconds(20 * std::min(attempt, 10)));
  }
}

}  // namespace sujip
