#include "sinks/postgres/table.h"

#include <algorithm>

#include "core/postgres/connection.h"

namespace sujip::sink {
namespace {

using pg::quote_name;

std::string column_definition(const Column& column) { return quote_name(column.name) + " " + column.type; }

std::string comment_text(const std::string& ko, const std::string& en) {
  if (ko.empty()) return en;
  return en.empty() ? ko : ko + " (" + en + ")";
}

}  // namespace

std::string key_list(const Table& table) {
  std::string out;
  for (const int k : table.key) {
    if (!out.empty()) out += ", ";
    out += quote_name(table.columns[static_cast<size_t>(k)].name);
  }
  return out;
}

int Table::column_index(std::string_view column) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return static_cast<int>(i);
  }
  return -1;
}

bool Table::is_key(int column) const { return std::find(key.begin(), key.end(), column) != key.end(); }

std::string qualified(const Table& table) {
  // Our own schema needs no quotes; a user's may.
  const bool ours = table.schema == "sujip" || (!table.foreign && table.schema.starts_with("sujip_g"));
  return (ours ? table.schema : quote_name(table.schema)) + "." + quote_name(table.name);
}

std::string create_sql(const Table& table) {
  std::string sql = "create table if not exists " + qualified(table) + " (";
  bool first = true;
  for (const Column& column : table.columns) {
    if (!first) sql += ", ";
    first = false;
    sql += column_definition(column);
    if (column.required) sql += " not null";
  }
  // Both forms are what ON CONFLICT (key) finds; only the second one lets nulls be part of a key.
  sql += table.nullable_key ? ", unique nulls not distinct (" : ", primary key (";
  sql += key_list(table) + "))";
  // Its partitions have the rows, and how they are stored (sujip.make_months).
  if (table.by_month)
    return sql + " partition by range (" + quote_name(table.columns[static_cast<size_t>(table.date)].name) + ")";
  // Rows are updated in place (HOT) as long as their page has room; no index but the key's.
  return sql + " with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)";
}

std::string add_column_sql(const Table& table, const Column& column) {
  return "alter table " + qualified(table) + " add column if not exists " + column_definition(column);
}

std::vector<std::string> comment_sql(const Table& table) {
  std::vector<std::string> out;
  if (const std::string text = comment_text(table.ko, table.en); !text.empty()) {
    out.push_back("comment on table " + qualified(table) + " is " + pg::quote_text(text));
  }
  for (const Column& column : table.columns) {
    const std::string text = comment_text(column.ko, column.en);
    if (text.empty()) continue;
    out.push_back("comment on column " + qualified(table) + "." + quote_name(column.name) + " is " +
                  pg::quote_text(text));
  }
  return out;
}

}  // namespace sujip::sink
