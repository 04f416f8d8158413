#include "cli/summary.h"

#include <fmt/format.h>

#include <cstdio>

#include "core/json_text.h"

namespace sujip {
namespace {

int64_t count_rows(pg::Connection& connection, const std::string& table) {
  const auto there = connection.query("select to_regclass($1) is not null", "sujip." + table);
  if (!there.ok() || !there->boolean(0, 0)) return 0;
  const auto rows = connection.exec("select count(*) from sujip." + table);
  return rows.ok() ? rows->integer(0, 0) : 0;
}

}  // namespace

Result<Totals> Totals::read(pg::Connection& connection) {
  SUJIP_TRY(
      const auto log,
      connection.exec("select count(*), coalesce(sum(rows), 0), coalesce(sum(created), 0), coalesce(sum(updated), 0),"
                      " coalesce(sum(minor), 0), coalesce(sum(deleted), 0) from sujip.change_log"
                      " where verdict in ('accepted', 'partial', 'released', 'same')"));
  SUJIP_TRY(const auto other,
            connection.exec(
                "select (select count(*) from sujip.change_log where verdict = 'held'),"
                // A run that a newer one of its scope made good, say after a kill, is no loss.
                " (select count(*) from sujip.change_log c where verdict = 'incomplete' and not exists"
                "   (select 1 from sujip.change_log n where n.scope = c.scope and n.run > c.run"
                "    and n.verdict in ('accepted', 'released', 'partial', 'same'))),"
                " (select count(*) from sujip.dead_letter where retried_at is null),"
                " (select count(*) from sujip.run_log where stage = 'collect' and state in ('refused', 'failed'))"));
  Totals t;
  t.runs = log.integer(0, 0);
  t.rows = log.integer(0, 1);
  t.created = log.integer(0, 2);
  t.updated = log.integer(0, 3);
  t.minor = log.integer(0, 4);
  t.deleted = log.integer(0, 5);
  t.held = other.integer(0, 0);
  t.incomplete = other.integer(0, 1);
  t.dead_letters = other.integer(0, 2);
  t.refused = other.integer(0, 3);
  return t;
}

Status print_summary(pg::Connection& connection, const Datasets& datasets, const Totals& before, const Totals& now) {
  fmt::print("\n{:<18} {:>12} {:>14}\n", "dataset", "rows", "rollup rows");
  for (const Dataset& d : datasets.all())
    fmt::print("{:<18} {:>12} {:>14}\n", d.name, count_rows(connection, d.name),
               d.has_rollup() ? fmt::format("{}", count_rows(connection, d.name + "_rollup")) : "-");
  fmt::print("\n{:<34} {:>12}\n", "this time", "");
  const auto line = [](const char* name, int64_t n) { fmt::print("{:<34} {:>12}\n", name, n); };
  line("runs accepted", now.runs - before.runs);
  line("rows created", now.created - before.created);
  line("rows updated", now.updated - before.updated);
  line("rows with minor changes", now.minor - before.minor);
  line("rows deleted", now.deleted - before.deleted);
  line("dead letters", now.dead_letters - before.dead_letters);
  if (now.held > 0)
    fmt::print("\n{} snapshots are held by the guard: see `sujip scope list`, then release or reject\n", now.held);
  SUJIP_TRY(const auto refused,
            connection.exec("select source, file, message, hint from sujip.run_log where stage = 'collect'"
                            " and state in ('refused', 'failed') order by ts desc limit 10"));
  if (now.refused > before.refused && !refused.empty()) {
    fmt::print("\nrefused:\n");
    for (int i = 0; i < refused.size(); ++i)
      fmt::print("  {} {}: {} {}\n", refused.text(i, 0), refused.text(i, 1), refused.text(i, 2), refused.text(i, 3));
  }
  return {};
}

std::string summary_json(pg::Connection& connection, const Datasets& datasets, const Totals& before, const Totals& now,
                         const std::string& collected, bool complete, double seconds) {
  std::string out = "{";
  append_json_name(out, "complete");
  out += complete ? "true" : "false";
  append_json_field(out, "runs", now.runs - before.runs);
  append_json_field(out, "rows", now.rows - before.rows);
  append_json_field(out, "created", now.created - before.created);
  append_json_field(out, "updated", now.updated - before.updated);
  append_json_field(out, "minor", now.minor - before.minor);
  append_json_field(out, "deleted", now.deleted - before.deleted);
  append_json_field(out, "dead_letters", now.dead_letters - before.dead_letters);
  append_json_field(out, "refused", now.refused - before.refused);
  append_json_field(out, "held", now.held);
  append_json_name(out, "tables");
  out += '{';
  for (const Dataset& d : datasets.all()) {
    append_json_field(out, d.name, count_rows(connection, d.name));
    if (d.has_rollup()) append_json_field(out, d.name + "_rollup", count_rows(connection, d.name + "_rollup"));
  }
  out += '}';
  append_json_name(out, "collected");
  out += collected.empty() ? "null" : collected;
  append_json_name(out, "seconds");
  out += fmt::format("{:.1f}", seconds);
  return out + "}";
}

}  // namespace sujip
