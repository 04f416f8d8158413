#include "sinks/postgres/write_sql.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/postgres/connection.h"
#include "sinks/postgres/wire.h"

namespace sujip::sink {
namespace {

using pg::quote_name;

std::string name_of(const Table& table, size_t column) {
  return quote_name(table.columns[column].name);
}

std::string column_list(const Table& table, const std::string& prefix = "") {
  std::string out;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out += ", ";
    out += prefix + name_of(table, i);
  }
  return out;
}

// Columns that are cheap to compare and likely to differ come first.
int cost_of_comparing(const std::string& type) {
  if (type == "jsonb" || type == "json") return 3;
  if (type == "text") return 2;
  return type == "numeric" ? 1 : 0;
}

// "t.price is distinct from b.price or …"; empty when there is nothing but the key.
std::string says_something_else(const Table& table, const std::string& fresh) {
  std::vector<size_t> order;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (!table.is_key(static_cast<int>(i))) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return cost_of_comparing(table.columns[a].type) < cost_of_comparing(table.columns[b].type);
  });
  std::string out;
  for (const size_t i : order) {
    // json has no equality of its own.
    const char* cast = table.columns[i].type == "json" ? "::text" : "";
    if (!out.empty()) out += " or ";
    out += "t." + name_of(table, i) + cast + " is distinct from " + fresh + "." +
           name_of(table, i) + cast;
  }
  return out;
}

// The condition under which a row that is there is replaced; empty: always.
std::string replaced_when(const Table& table, const std::string& fresh) {
  switch (table.conflict) {
    case Conflict::newer: {
      const std::string rev = name_of(table, static_cast<size_t>(table.revision));
      // A row that somebody else put there has no revision yet.
      return table.foreign ? "(t." + rev + " is null or t." + rev + " < " + fresh + "." + rev + ")"
                           : "t." + rev + " < " + fresh + "." + rev;
    }
    case Conflict::changed:
      return says_something_else(table, fresh);
    default:
      return "";
  }
}

std::string assignments(const Table& table, const std::string& fresh) {
  std::string set;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.is_key(static_cast<int>(i))) continue;
    const std::string name = name_of(table, i);
    if (!set.empty()) set += ", ";
    set += name + " = ";
    set += table.columns[i].keep ? "coalesce(" + fresh + "." + name + ", t." + name + ")"
                                 : fresh + "." + name;
  }
  return set;
}

std::string same_key(const Table& table) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const std::string name = name_of(table, static_cast<size_t>(table.key[i]));
    if (i > 0) out += " and ";
    out += "t." + name + " = b." + name;
  }
  return out;
}

std::string merge_from(const Table& table, const std::string& from) {
  std::string sql = "merge into " + qualified(table) + " as t using " + from + " on " + same_key(table);
  const std::string set = assignments(table, "b");
  if (table.conflict != Conflict::keep && !set.empty()) {
    const std::string when = replaced_when(table, "b");
    sql +=
        " when matched" + (when.empty() ? "" : " and (" + when + ")") + " then update set " + set;
  }
  return sql + " when not matched then insert (" + column_list(table) + ") values (" +
         column_list(table, "b.") + ")";
}

std::string insert_from(const Table& table, const std::string& from) {
  std::string sql = "insert into " + qualified(table) + " as t (" + column_list(table) +
                    ") select " + column_list(table) + " from " + from + " on conflict (" +
                    key_list(table) + ") do ";
  const std::string set = assignments(table, "excluded");
  if (table.conflict == Conflict::keep || set.empty()) return sql + "nothing";
  sql += "update set " + set;
  if (const std::string when = replaced_when(table, "excluded"); !when.empty())
    sql += " where " + when;
  return sql;
}

// Rows made of arrays, under the name b: unnest($1::text[], $2::bigint[]) as b ("k", "rev")
std::string rows_of_arrays(const Table& table, const std::vector<size_t>& columns,
                           const TextColumns& texts) {
  std::string arrays;
  std::string names;
  std::string values;
  bool cast = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& type = table.columns[columns[i]].type;
    const std::string name = name_of(table, columns[i]);
    const char* comma = i > 0 ? ", " : "";
    // An explicit cast to varchar(n) would cut what is too long; storing it says so.
    const bool text = texts[columns[i]] || wire_of(type) == Wire::text;
    arrays += comma + ("$" + std::to_string(i + 1)) + "::" + (text ? "text" : type) + "[]";
    names += comma + name;
    values += comma + name;
    if (!texts[columns[i]]) continue;
    values += "::" + type + " as " + name;
    cast = true;
  }
  const std::string rows = "unnest(" + arrays + ") as b (" + names + ")";
  return cast ? "(select " + values + " from " + rows + ") as b" : rows;
}

std::string upsert_from(const Table& table, Meet meet, const std::string& from) {
  return meet == Meet::merge ? merge_from(table, from) : insert_from(table, from);
}

}  // namespace

Meet best_meet(const Table& table, int server_version) {
  const bool repeats = table.conflict == Conflict::keep;
  return table.nullable_key || repeats || server_version < 150000 ? Meet::insert : Meet::merge;
}

std::string copy_new_sql(const Table& table) {
  return "copy " + qualified(table) + " (" + column_list(table) + ") from stdin (format binary)";
}

std::string upsert_sql(const Table& table, Meet meet, const TextColumns& texts) {
  std::vector<size_t> all(table.columns.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return upsert_from(table, meet, rows_of_arrays(table, all, texts));
}

std::string any_key_sql(const Table& table, const TextColumns& texts) {
  const std::vector<size_t> key(table.key.begin(), table.key.end());
  return "select exists (select from " + rows_of_arrays(table, key, texts) + " join " +
         qualified(table) + " as t on " + same_key(table) + ")";
}

std::vector<size_t> remove_columns(const Table& table, uint32_t nulls) {
  std::vector<size_t> out;
  for (size_t i = 0; i < table.key.size(); ++i)
    if (((nulls >> i) & 1U) == 0) out.push_back(static_cast<size_t>(table.key[i]));
  for (size_t c = 0; c < table.columns.size(); ++c)
    if (table.columns[c].origin == Origin::removal) out.push_back(c);
  if (table.revision >= 0) out.push_back(static_cast<size_t>(table.revision));
  return out;
}

std::string remove_sql(const Table& table, uint32_t nulls, const TextColumns& texts) {
  std::string where;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const std::string name = name_of(table, static_cast<size_t>(table.key[i]));
    if (!where.empty()) where += " and ";
    // `is null` can use the index where `is not distinct from` can't.
    where += "t." + name + ((nulls >> i) & 1U ? " is null" : " = b." + name);
  }
  std::string set;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    if (table.columns[c].origin != Origin::removal) continue;
    const std::string name = name_of(table, c);
    set += (set.empty() ? "" : ", ") + name + " = b." + name;
    // Removed already: it keeps its first mark.
    where += table.columns[c].type == "boolean" ? " and t." + name + " is not true"
                                                : " and t." + name + " is null";
  }
  if (table.revision >= 0) {
    const std::string name = name_of(table, static_cast<size_t>(table.revision));
    where += table.foreign ? " and (t." + name + " is null or t." + name + " <= b." + name + ")"
                           : " and t." + name + " <= b." + name;
  }
  const std::string from =
      rows_of_arrays(table, remove_columns(table, nulls), texts) + " where " + where;
  return table.removal == Removal::mark
             ? "update " + qualified(table) + " as t set " + set + " from " + from
             : "delete from " + qualified(table) + " as t using " + from;
}

}  // namespace sujip::sink
