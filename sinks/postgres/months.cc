#include "sinks/postgres/months.h"

#include "core/calendar.h"
#include "core/log.h"

namespace sujip::sink {
namespace {

constexpr size_t kMonth = 7;  // characters of 2024-03

}  // namespace

std::map<std::string, std::string> months_of(const Rows& rows, size_t column) {
  std::map<std::string, std::string> months;
  std::string_view last;  // rows come in order of their keys: mostly the same again
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::string_view date = rows.escaped(row, column);
    const std::string_view month = date.substr(0, kMonth);
    if (month == last || !Day::parse(date)) continue;
    months.try_emplace(std::string(month), date);
    last = month;
  }
  return months;
}

Result<Months::Known*> Months::look(pg::Connection& connection, const Table& table) {
  const auto [found, fresh] = known_.try_emplace(qualified(table));
  if (!fresh) return &found->second;
  const auto rows = connection.query(
      "select exists (select from pg_partitioned_table p join pg_attribute a on a.attrelid = p.partrelid "
      "where p.partrelid = to_regclass($1) and p.partstrat = 'r' and p.partattrs::text = a.attnum::text and a.attname = $2)",
      qualified(table), table.columns[static_cast<size_t>(table.date)].name);
  if (!rows) {
    known_.erase(found);
    return rows.error();
  }
  found->second.partitioned = rows->boolean(0, 0);
  return &found->second;
}

Status Months::make(pg::Connection& connection, const Prepared& prepared) {
  for (const auto& [name, rows] : prepared.tables) {
    const Table& table = *rows.table;
    if (table.date < 0 || rows.upserts.empty()) continue;
    SUJIP_TRY(Known* const known, look(connection, table));
    if (!known->partitioned) continue;
    auto months = months_of(rows.upserts, static_cast<size_t>(table.date));
    std::erase_if(months, [&](const auto& month) { return known->months.contains(month.first); });
    if (months.empty()) continue;
    std::vector<std::string> days;
    for (const auto& [month, day] : months) days.push_back(day);
    SUJIP_TRY(auto transaction, pg::Transaction::begin(connection));
    SUJIP_CHECK_OK(connection.exec("set local lock_timeout = '2s'"));
    SUJIP_TRY(const auto made,
              connection.query("select sujip.make_months($1::regclass, $2::date[])", qualified(table), array_of(days)));
    SUJIP_CHECK_OK(transaction.commit());
    for (int i = 0; i < made.size(); ++i) log::info("partition {} created", made.text(i, 0));
    for (const auto& [month, day] : months) known->months.insert(month);
  }
  return {};
}

}  // namespace sujip::sink
