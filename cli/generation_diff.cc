#include "cli/generation_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "sinks/postgres/tables.h"

namespace sujip {
namespace {

constexpr int kExamples = 3;

struct Compared {
  sink::Table table;
  std::string where;  // of both sides
};

// The dates both hold.
std::string between(const std::string& column, const topics::Generation& a, const topics::Generation& b) {
  std::string out;
  const auto add = [&](const char* op, const std::optional<Day>& day) {
    if (day) out += fmt::format(" and {} {} '{}'", pg::quote_name(column), op, day->str());
  };
  add(">=", a.from);
  add(">=", b.from);
  add("<=", a.to);
  add("<=", b.to);
  return out;
}

std::vector<Compared> tables_of_both(const Datasets& all, const topics::Generation& a, const topics::Generation& b) {
  std::vector<Compared> out;
  const bool dated = a.from || a.to || b.from || b.to;
  std::string names;
  for (const Dataset& d : all.all()) {
    if (!a.has(d.name) || !b.has(d.name)) continue;
    names += (names.empty() ? "" : ", ") + pg::quote_text(d.name);
    const bool has_dates = dated && d.date.has_value();
    out.push_back({sink::dataset_table(d),
                   has_dates ? between(d.fields[static_cast<size_t>(*d.date)].name, a, b) : std::string()});
    // Weeks and months at the edges hold days that one of them does not have.
    if (d.has_rollup())
      out.push_back({sink::rollup_table(d), has_dates ? " and period = 'day'" + between("period_start", a, b) : ""});
    if (d.name == "product" && !dated) out.push_back({sink::price_history_table(), ""});
  }
  if (!dated && !names.empty()) {
    out.push_back({sink::change_log_table(), " and dataset in (" + names + ")"});
    out.push_back({sink::dead_letter_table(), " and (dataset is null or dataset in ('', " + names + "))"});
  }
  return out;
}

std::string side(const Compared& one, int generation) {
  std::string key;
  for (const int k : one.table.key)
    key += (key.empty() ? "" : ", ") + pg::quote_name(one.table.columns[static_cast<size_t>(k)].name);
  return fmt::format(
      "select jsonb_build_array({}) as k, to_jsonb(t) - 'rev' - 'run' - 'updated_at' - 'decided_at' - 'ts' "
      "- 'retried_at' as r from {}.{} t where true{}",
      key, topics::Names("", generation).schema(), pg::quote_name(one.table.name), one.where);
}

Result<TableDiff> compare(pg::Connection& connection, const Compared& one, int a, int b) {
  TableDiff out;
  out.table = one.table.name;
  SUJIP_TRY(const auto rows,
            connection.exec(fmt::format(
                "with a as (select hashtextextended(k::text, 0) as k, hashtextextended(r::text, 0) as r from ({}) x), "
                "b as (select hashtextextended(k::text, 0) as k, hashtextextended(r::text, 0) as r from ({}) x) "
                "select count(a.k), count(b.k), count(*) filter (where b.k is null), "
                "count(*) filter (where a.k is null), count(*) filter (where a.r <> b.r) from a full join b using (k)",
                side(one, a), side(one, b))));
  out.rows_a = rows.integer(0, 0);
  out.rows_b = rows.integer(0, 1);
  out.only_a = rows.integer(0, 2);
  out.only_b = rows.integer(0, 3);
  out.different = rows.integer(0, 4);
  if (out.same()) return out;
  SUJIP_TRY(
      const auto some,
      connection.exec(fmt::format(
          "select coalesce(a.k, b.k)::text, "
          "(select jsonb_object_agg(key, value) from jsonb_each(a.r) where b.r is null or b.r -> key is distinct from value)::text, "
          "(select jsonb_object_agg(key, value) from jsonb_each(b.r) where a.r is null or a.r -> key is distinct from value)::text "
          "from ({}) a full join ({}) b on hashtextextended(a.k::text, 0) = hashtextextended(b.k::text, 0) "
          "where a.r is distinct from b.r order by 1 limit {}",
          side(one, a), side(one, b), kExamples)));
  for (int i = 0; i < some.size(); ++i)
    out.examples.push_back(fmt::format("{}: {} -> {}", some.text(i, 0), some.is_null(i, 1) ? "-" : some.text(i, 1),
                                       some.is_null(i, 2) ? "-" : some.text(i, 2)));
  return out;
}

}  // namespace

Result<std::vector<TableDiff>> diff_generations(pg::Connection& connection, const Datasets& all,
                                                const topics::Generation& a, const topics::Generation& b) {
  // All tables as they are at one moment.
  SUJIP_TRY(auto transaction, pg::Transaction::begin(connection, "isolation level repeatable read, read only"));
  std::vector<TableDiff> out;
  for (const Compared& one : tables_of_both(all, a, b)) {
    SUJIP_TRY(TableDiff diff, compare(connection, one, a.number, b.number));
    out.push_back(std::move(diff));
  }
  SUJIP_CHECK_OK(transaction.commit());
  return out;
}

}  // namespace sujip
