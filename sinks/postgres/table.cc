#include "sinks/postgres/table.h"

#include <algorithm>

#include "core/postgres/connection.h"

namespace sujip::sink {
namespace {

using pg::quote_name;

std::string column_list(const Table& table) {
  std::string out;
  for (const Column& column : table.columns) {
    if (!out.empty()) out += ", ";
    out += quote_name(column.name);
  }
  return out;
}

std::string key_list(const Table& table) {
  std::string out;
  for (const int k : table.key) {
    if (!out.empty()) out += ", ";
    out += quote_name(table.columns[static_cast<size_t>(k)].name);
  }
  return out;
}

// insert into … select … from <from> on conflict …
std::string insert_from(const Table& table, const std::string& from) {
  std::string sql = "insert into " + qualified(table) + " as t (" + column_list(table) +
                    ") select " + column_list(table) + " from " + from + " on conflict (" +
                    key_list(table) + ") do ";
  std::string set;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.is_key(static_cast<int>(i))) continue;
    const std::string name = quote_name(table.columns[i].name);
    if (!set.empty()) set += ", ";
    set += name + " = ";
    set += table.columns[i].keep ? "coalesce(excluded." + name + ", t." + name + ")"
                                 : "excluded." + name;
  }
  if (table.conflict == Conflict::keep || set.empty()) return sql + "nothing";
  sql += "update set " + set;
  if (table.conflict == Conflict::newer) sql += " where t.rev < excluded.rev";
  return sql;
}

std::string column_definition(const Column& column) {
  return quote_name(column.name) + " " + column.type;
}

std::string comment_text(const std::string& ko, const std::string& en) {
  if (ko.empty()) return en;
  return en.empty() ? ko : ko + " (" + en + ")";
}

}  // namespace

int Table::column_index(std::string_view column) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == column) return static_cast<int>(i);
  }
  return -1;
}

bool Table::is_key(int column) const {
  return std::find(key.begin(), key.end(), column) != key.end();
}

std::string qualified(const Table& table) { return "sujip." + quote_name(table.name); }
std::string batch_table(const Table& table) { return quote_name("batch_" + table.name); }

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
  // Rows are updated in place (HOT) as long as their page has room; no index but the key's.
  return sql + " with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)";
}

std::string add_column_sql(const Table& table, const Column& column) {
  return "alter table " + qualified(table) + " add column if not exists " +
         column_definition(column);
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

std::string create_batch_table_sql(const Table& table) {
  std::string sql = "create temporary table if not exists " + batch_table(table) + " (";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += column_definition(table.columns[i]);
  }
  return sql + ") on commit delete rows";
}

std::string copy_sql(const Table& table) {
  return "copy " + batch_table(table) + " (" + column_list(table) + ") from stdin";
}

std::string merge_sql(const Table& table) {
  // The rows were sent in key order; a sequential scan gives them back in it.
  return insert_from(table, batch_table(table));
}

std::string upsert_sql(const Table& table) {
  std::string from = "unnest(";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) from += ", ";
    from += "$" + std::to_string(i + 1) + "::" + table.columns[i].type + "[]";
  }
  return insert_from(table, from + ") as b (" + column_list(table) + ")");
}

std::string delete_sql(const Table& table, uint32_t nulls) {
  std::string arrays;
  std::string names;
  std::string where;
  int parameter = 0;
  auto add = [&](const std::string& name, const std::string& type) {
    if (!arrays.empty()) {
      arrays += ", ";
      names += ", ";
    }
    arrays += "$" + std::to_string(++parameter) + "::" + type + "[]";
    names += name;
  };
  for (size_t i = 0; i < table.key.size(); ++i) {
    const Column& column = table.columns[static_cast<size_t>(table.key[i])];
    const std::string name = quote_name(column.name);
    if (!where.empty()) where += " and ";
    // `is null` can use the index where `is not distinct from` can't.
    if ((nulls >> i) & 1U) {
      where += "t." + name + " is null";
      continue;
    }
    add(name, column.type);
    where += "t." + name + " = b." + name;
  }
  if (const int rev = table.column_index("rev"); rev >= 0) {
    add("rev", "bigint");
    where += " and t.rev <= b.rev";
  }
  return "delete from " + qualified(table) + " as t using unnest(" + arrays + ") as b (" + names +
         ") where " + where;
}

}  // namespace sujip::sink
