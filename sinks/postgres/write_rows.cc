#include "sinks/postgres/write_rows.h"

#include <map>
#include <string>
#include <vector>

#include "core/metrics.h"

namespace sujip::sink {
namespace {

// Two layouts may share a table (run_log); their columns tell them apart.
std::string statement_name(const char* kind, const Table& table) {
  return std::string(kind) + ":" + qualified(table) + ":" + std::to_string(table.columns.size());
}

const char* name_of(Meet meet) { return meet == Meet::merge ? "merge" : "insert"; }

Result<pg::Rows> run_arrays(pg::Connection& connection, const std::string& name,
                            const std::vector<std::string>& arrays) {
  std::vector<const char*> texts;
  for (const std::string& array : arrays) texts.push_back(array.c_str());
  return connection.run_texts(name, texts);
}

// The others of `sent` rows were not newer than those of the table.
void count_stale(const Table& table, size_t sent, int64_t written) {
  const int64_t stale = static_cast<int64_t>(sent) - written;
  if (table.conflict == Conflict::newer && stale > 0)
    metrics::counter("sink_stale_rejected_total", {{"table", table.name}}).Increment(static_cast<double>(stale));
}

Status upsert_arrays(pg::Connection& connection, const Table& table, const Rows& rows, std::span<const uint32_t> which,
                     Meet meet) {
  const std::string name = statement_name(name_of(meet), table);
  SUJIP_CHECK_OK(connection.prepare(name, upsert_arrays_sql(table, meet)));
  std::vector<std::string> arrays(table.columns.size());
  for (size_t c = 0; c < arrays.size(); ++c) rows.append_array(arrays[c], c, which);
  SUJIP_TRY(const pg::Rows done, run_arrays(connection, name, arrays));
  count_stale(table, which.size(), done.affected());
  return {};
}

Status send_lines(pg::Connection& connection, const Rows& rows, std::span<const uint32_t> which) {
  // Rows that stand side by side go out as they lie in memory.
  for (size_t i = 0; i < which.size();) {
    size_t count = 1;
    while (i + count < which.size() && which[i + count] == which[i] + count) ++count;
    if (auto sent = connection.copy_send(rows.lines(which[i], count)); !sent) {
      const Error error = sent.error();
      connection.copy_abort("sending failed");
      return error;
    }
    i += count;
  }
  return {};
}

Status copy_new(pg::Connection& connection, const Table& table, const Rows& rows, std::span<const uint32_t> which) {
  SUJIP_CHECK_OK(connection.copy_begin(copy_new_sql(table)));
  SUJIP_CHECK_OK(send_lines(connection, rows, which));
  SUJIP_CHECK_OK(connection.copy_end());
  return {};
}

Status upsert_copy(pg::Connection& connection, const Table& table, const Rows& rows, std::span<const uint32_t> which,
                   Meet meet) {
  // Each time: a transaction that is rolled back takes the table it made with it.
  SUJIP_CHECK_OK(connection.exec(create_batch_table_sql(table)));
  SUJIP_CHECK_OK(connection.copy_begin(copy_sql(table)));
  SUJIP_CHECK_OK(send_lines(connection, rows, which));
  SUJIP_CHECK_OK(connection.copy_end());
  const std::string name = statement_name(name_of(meet), table) + ":batch";
  SUJIP_CHECK_OK(connection.prepare(name, upsert_batch_sql(table, meet)));
  SUJIP_TRY(const pg::Rows done, connection.run_texts(name, {}));
  count_stale(table, which.size(), done.affected());
  return {};
}

}  // namespace

Status write_upserts(pg::Connection& connection, const Table& table, const Rows& rows, std::span<const uint32_t> which,
                     Meet meet) {
  if (which.empty()) return {};
  if (meet == Meet::none) return copy_new(connection, table, rows, which);
  return which.size() <= kArrayLimit ? upsert_arrays(connection, table, rows, which, meet)
                                     : upsert_copy(connection, table, rows, which, meet);
}

Status write_some_upserts(pg::Connection& connection, const Table& table, const Rows& rows,
                          std::span<const uint32_t> which) {
  return which.empty() ? Status() : upsert_arrays(connection, table, rows, which, Meet::insert);
}

Result<bool> any_is_there(pg::Connection& connection, const Table& table, const Rows& rows,
                          std::span<const uint32_t> which) {
  const std::string name = statement_name("known", table);
  SUJIP_CHECK_OK(connection.prepare(name, any_key_sql(table)));
  std::vector<std::string> arrays;
  for (const int k : table.key) rows.append_array(arrays.emplace_back(), static_cast<size_t>(k), which);
  SUJIP_TRY(const pg::Rows answer, run_arrays(connection, name, arrays));
  return answer.boolean(0, 0);
}

Status write_removals(pg::Connection& connection, const Table& table, const Rows& rows,
                      std::span<const uint32_t> which) {
  if (table.removal == Removal::ignore) return {};
  // Keys with nulls in different places need different statements.
  std::map<uint32_t, std::vector<uint32_t>> by_nulls;
  for (const uint32_t row : which) {
    uint32_t nulls = 0;
    for (size_t i = 0; i < table.key.size(); ++i) {
      if (rows.is_null(row, static_cast<size_t>(table.key[i]))) nulls |= 1U << i;
    }
    by_nulls[nulls].push_back(row);
  }
  for (const auto& [nulls, group] : by_nulls) {
    const std::string name = statement_name("remove", table) + ":" + std::to_string(nulls);
    SUJIP_CHECK_OK(connection.prepare(name, remove_sql(table, nulls)));
    std::vector<std::string> arrays;
    for (size_t i = 0; i < table.key.size(); ++i) {
      if ((nulls >> i) & 1U) continue;
      rows.append_array(arrays.emplace_back(), static_cast<size_t>(table.key[i]), group);
    }
    for (size_t c = 0; c < table.columns.size(); ++c) {
      if (table.columns[c].origin == Origin::removal) rows.append_array(arrays.emplace_back(), c, group);
    }
    if (table.revision >= 0) {
      rows.append_array(arrays.emplace_back(), static_cast<size_t>(table.revision), group);
    }
    SUJIP_CHECK_OK(run_arrays(connection, name, arrays));
  }
  return {};
}

}  // namespace sujip::sink
