#include "sinks/postgres/schema.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "core/log.h"
#include "sinks/postgres/rows.h"

namespace sujip::sink {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

// A changed numeric(12,2) or varchar(20) of a person is as good as ours.
std::string base_type(const std::string& type) {
  const std::string base = type.substr(0, type.find('('));
  if (base == "character varying" || base == "character") return "text";
  if (base == "integer" || base == "smallint") return "bigint";
  if (base == "real") return "double precision";
  return base;
}

Result<std::vector<ExistingColumn>> columns_of(pg::Connection& connection, const Table& table) {
  SUJIP_TRY(auto rows, connection.query("select attname, format_type(atttypid, atttypmod) from pg_attribute "
                                        "where attrelid = to_regclass($1) and attnum > 0 and not attisdropped",
                                        qualified(table)));
  std::vector<ExistingColumn> columns;
  for (int i = 0; i < rows.size(); ++i) {
    columns.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  }
  return columns;
}

Status comment(pg::Connection& connection, const Table& table) {
  for (const std::string& sql : comment_sql(table)) SUJIP_CHECK_OK(connection.exec(sql));
  return {};
}

// A table of somebody else may be without the index that tells its rows apart.
Status check_key(pg::Connection& connection, const Table& table) {
  std::vector<std::string> names;
  for (const int k : table.key) names.push_back(table.columns[static_cast<size_t>(k)].name);
  SUJIP_TRY(auto rows,
            connection.query("select exists (select from pg_index where indrelid = to_regclass($1) and indisunique "
                             "and indisvalid and indimmediate and indpred is null and indexprs is null and "
                             "(select array_agg(attname::text order by attname) from pg_attribute "
                             " where attrelid = indrelid and attnum = any((indkey::int2[])[0:indnkeyatts - 1])) = "
                             "(select array_agg(name order by name collate \"C\") from unnest($2::text[]) as name))",
                             qualified(table), array_of(names)));
  if (rows.boolean(0, 0)) return {};
  return Error{"the table has no primary key or unique index over exactly the columns of 'key'",
               "table " + qualified(table), "create unique index on the key's columns, or correct 'key'"};
}

// What a migration makes may not be there yet.
Result<bool> has_function(pg::Connection& connection, const std::string& signature) {
  SUJIP_TRY(const auto there, connection.query("select to_regprocedure($1) is not null", signature));
  return there.boolean(0, 0);
}

Result<bool> is_whole(pg::Connection& connection, const Table& table) {
  SUJIP_TRY(const auto kind,
            connection.query("select relkind = 'r' from pg_class where oid = to_regclass($1)", qualified(table)));
  return !kind.empty() && kind.boolean(0, 0);
}

Status ensure_once(pg::Connection& connection, const Table& table, SchemaReport& report) {
  SUJIP_TRY(const auto existing, columns_of(connection, table));
  SchemaReport here;
  if (existing.empty()) {
    Table fresh = table;
    if (table.by_month) {
      SUJIP_TRY(fresh.by_month, has_function(connection, "sujip.make_months(regclass,date[])"));
    }
    SUJIP_TRY(auto transaction, pg::Transaction::begin(connection));
    SUJIP_CHECK_OK(connection.exec("set local lock_timeout = '2s'"));
    SUJIP_CHECK_OK(connection.exec(create_sql(fresh)));
    SUJIP_CHECK_OK(comment(connection, table));
    SUJIP_CHECK_OK(transaction.commit());
    report.created.push_back(qualified(table));
    return {};
  }
  if (table.foreign) SUJIP_CHECK_OK(check_key(connection, table));
  if (table.by_month) {
    SUJIP_TRY(const bool whole, is_whole(connection, table));
    if (whole) here.whole.push_back(qualified(table));
  }
  SUJIP_TRY(const auto missing, missing_columns(table, existing));
  if (missing.empty()) {
    report.whole.insert(report.whole.end(), here.whole.begin(), here.whole.end());
    return {};
  }
  SUJIP_TRY(auto transaction, pg::Transaction::begin(connection));
  SUJIP_CHECK_OK(connection.exec("set local lock_timeout = '2s'"));
  for (const Column& column : missing) {
    SUJIP_CHECK_OK(connection.exec(add_column_sql(table, column)));
    here.added.push_back(qualified(table) + "." + column.name);
  }
  SUJIP_CHECK_OK(comment(connection, table));
  SUJIP_CHECK_OK(transaction.commit());
  report.added.insert(report.added.end(), here.added.begin(), here.added.end());
  report.whole.insert(report.whole.end(), here.whole.begin(), here.whole.end());
  return {};
}

Status show_live(pg::Connection& connection, const std::vector<Table>& tables) {
  SUJIP_TRY(const bool views, has_function(connection, "sujip.show_live_generation()"));
  if (!views) return {};
  SUJIP_TRY(const bool days, has_function(connection, "sujip.show_daily(text,text,text[])"));
  SUJIP_TRY(auto transaction, pg::Transaction::begin(connection));
  SUJIP_CHECK_OK(connection.exec("set local lock_timeout = '2s'"));
  SUJIP_CHECK_OK(connection.exec("select sujip.show_live_generation()"));
  for (const Table& table : tables) {
    if (!days || !table.daily) continue;
    SUJIP_CHECK_OK(connection.query("select sujip.show_daily($1, $2, $3::text[])", table.daily->dataset,
                                    table.daily->grain, array_of(table.daily->measures)));
  }
  return transaction.commit();
}

}  // namespace

Result<std::vector<Column>> missing_columns(const Table& table, const std::vector<ExistingColumn>& existing) {
  std::vector<Column> missing;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const auto found =
        std::find_if(existing.begin(), existing.end(), [&](const auto& e) { return e.name == column.name; });
    if (found == existing.end()) {
      if (table.is_key(static_cast<int>(i))) {
        return Error{"key column " + column.name + " is declared but the table doesn't have it",
                     "table " + qualified(table), "a key can't change in place: give the dataset a new name"};
      }
      missing.push_back(column);
      // Rows from before have no value for it.
      missing.back().required = false;
      continue;
    }
    if (base_type(found->type) != base_type(column.type)) {
      return Error{
          "column " + column.name + " is " + found->type + " in the table and " + column.type + " in the declaration",
          "table " + qualified(table), "types never change in place: declare a new field, or alter the column by hand"};
    }
  }
  return missing;
}

Result<SchemaReport> ensure_tables(pg::Connection& connection, const std::vector<Table>& tables) {
  SchemaReport report;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  // Not a user's: in schemas of others we have no business but in the tables that are named.
  std::set<std::string> schemas;
  for (const Table& table : tables)
    if (!table.foreign && schemas.insert(table.schema).second)
      SUJIP_CHECK_OK(connection.exec("create schema if not exists " + pg::quote_name(table.schema)));
  const auto patiently = [&](const std::string& what, const auto& once) -> Status {
    bool told = false;
    for (;;) {
      const Status done = once();
      if (done) return {};
      // Lock timeout, or another process that makes the same table at the same moment.
      const bool again = connection.trouble() == pg::Trouble::retry || connection.sqlstate() == "23505" ||
                         connection.sqlstate() == "42P07";
      if (!again || std::chrono::steady_clock::now() > deadline) return done.error();
      if (!told) log::info("{} locked by another session, trying again", what);
      told = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  };
  for (const Table& table : tables)
    SUJIP_CHECK_OK(
        patiently("table " + qualified(table) + " is", [&] { return ensure_once(connection, table, report); }));
  if (!schemas.empty()) SUJIP_CHECK_OK(patiently("views are", [&] { return show_live(connection, tables); }));
  return report;
}

}  // namespace sujip::sink
