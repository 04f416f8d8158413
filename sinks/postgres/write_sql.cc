#include "sinks/postgres/write_sql.h"

#include <algorithm>
#include <vector>

#include "core/postgres/connection.h"

namespace sujip::sink {
namespace {

using pg::quote_name;

std::string name_of(const Table& table, size_t column) { return quote_name(table.columns[column].name); }

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
    out += "t." + name_of(table, i) + cast + " is distinct from " + fresh + "." + name_of(table, i) + cast;
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
    set += table.columns[i].keep ? "coalesce(" + fresh + "." + name + ", t." + name + ")" : fresh + "." + name;
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
    sql += " when matched" + (when.empty() ? "" : " and (" + when + ")") + " then update set " + set;
  }
  return sql + " when not matched then insert (" + column_list(table) + ") values (" + column_list(table, "b.") + ")";
}

std::string insert_from(const Table& table, const std::string& from) {
  std::string sql = "insert into " + qualified(table) + " as t (" + column_list(table) + ") select " +
                    column_list(table) + " from " + from + " on conflict (" + key_list(table) + ") do ";
  const std::string set = assignments(table, "excluded");
  if (table.conflict == Conflict::keep || set.empty()) return sql + "nothing";
  sql += "update set " + set;
  if (const std::string when = replaced_when(table, "excluded"); !when.empty()) sql += " where " + when;
  return sql;
}

std::string upsert_from(const Table& table, Meet meet, const std::string& from) {
  return meet == Meet::merge ? merge_from(table, from) : insert_from(table, from);
}

}  // namespace

Meet best_meet(const Table& table, int server_version) {
  const bool repeats = table.conflict == Conflict::keep;
  return table.nullable_key || repeats || server_version < 150000 ? Meet::insert : Meet::merge;
}

std::string batch_table(const Table& table) {
  // Two layouts may share a table (run_log); their columns tell them apart.
  return quote_name("batch_" + (table.schema == "sujip" ? "" : table.schema + "_") + table.name + "_" +
                    std::to_string(table.columns.size()));
}

std::string create_batch_table_sql(const Table& table) {
  std::string sql = "create temporary table if not exists " + batch_table(table) + " (";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) sql += ", ";
    sql += name_of(table, i) + " " + table.columns[i].type;
  }
  return sql + ") on commit delete rows";
}

std::string copy_sql(const Table& table) {
  return "copy " + batch_table(table) + " (" + column_list(table) + ") from stdin";
}

std::string copy_new_sql(const Table& table) {
  return "copy " + qualified(table) + " (" + column_list(table) + ") from stdin";
}

std::string any_key_sql(const Table& table) {
  std::string arrays;
  std::string names;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const auto column = static_cast<size_t>(table.key[i]);
    arrays += (i > 0 ? ", $" : "$") + std::to_string(i + 1) + "::" + table.columns[column].type + "[]";
    names += (i > 0 ? ", " : "") + name_of(table, column);
  }
  return "select exists (select from unnest(" + arrays + ") as b (" + names + ") join " + qualified(table) +
         " as t on " + same_key(table) + ")";
}

std::string upsert_batch_sql(const Table& table, Meet meet) {
  // The rows were sent in key order; a sequential scan gives them back in it.
  return upsert_from(table, meet, batch_table(table) + " as b");
}

std::string upsert_arrays_sql(const Table& table, Meet meet) {
  std::string from = "unnest(";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) from += ", ";
    from += "$" + std::to_string(i + 1) + "::" + table.columns[i].type + "[]";
  }
  return upsert_from(table, meet, from + ") as b (" + column_list(table) + ")");
}

std::string remove_sql(const Table& table, uint32_t nulls) {
  std::string arrays;
  std::string names;
  std::string where;
  int parameter = 0;
  const auto add = [&](const std::string& name, const std::string& type) {
    if (!arrays.empty()) {
      arrays += ", ";
      names += ", ";
    }
    arrays += "$" + std::to_string(++parameter) + "::" + type + "[]";
    names += name;
  };
  for (size_t i = 0; i < table.key.size(); ++i) {
    const auto column = static_cast<size_t>(table.key[i]);
    const std::string name = name_of(table, column);
    if (!where.empty()) where += " and ";
    // `is null` can use the index where `is not distinct from` can't.
    if ((nulls >> i) & 1U) {
      where += "t." + name + " is null";
      continue;
    }
    add(name, table.columns[column].type);
    where += "t." + name + " = b." + name;
  }
  std::string set;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].origin != Origin::removal) continue;
    const std::string name = name_of(table, i);
    add(name, table.columns[i].type);
    set += (set.empty() ? "" : ", ") + name + " = b." + name;
    // Removed already: it keeps its first mark.
    where += table.columns[i].type == "boolean" ? " and t." + name + " is not true" : " and t." + name + " is null";
  }
  if (table.revision >= 0) {
    const auto column = static_cast<size_t>(table.revision);
    const std::string name = name_of(table, column);
    add(name, table.columns[column].type);
    where += table.foreign ? " and (t." + name + " is null or t." + name + " <= b." + name + ")"
                           : " and t." + name + " <= b." + name;
  }
  const std::string from = "unnest(" + arrays + ") as b (" + names + ") where " + where;
  return table.removal == Removal::mark ? "update " + qualified(table) + " as t set " + set + " from " + from
                                        : "delete from " + qualified(table) + " as t using " + from;
}

}  // namespace sujip::sink
