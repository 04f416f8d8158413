#include "sinks/postgres/write_rows.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/metrics.h"

namespace sujip::sink {
namespace {

constexpr size_t kPiece = 256 << 10;  // bytes of COPY that are sent at once

// Two layouts may share a table (run_log); their columns tell them apart.
std::string statement_name(const char* kind, const Table& table) {
  return std::string(kind) + ":" + qualified(table) + ":" + std::to_string(table.columns.size());
}

const char* name_of(Meet meet) {
  return meet == Meet::merge ? "merge" : "insert";
}

// Statements differ by which columns come as text.
std::string with_texts(std::string name, const TextColumns& texts) {
  if (std::find(texts.begin(), texts.end(), true) == texts.end()) return name;
  name += ':';
  for (const bool text : texts) name += text ? '1' : '0';
  return name;
}

// The values of these columns as parameters of a prepared statement.
Result<pg::Rows> run_arrays(pg::Connection& connection, const std::string& name, const Rows& rows,
                            std::span<const size_t> columns, std::span<const uint32_t> which) {
  std::vector<std::string> room(columns.size());
  std::vector<std::string_view> arrays;
  for (size_t i = 0; i < columns.size(); ++i)
    arrays.push_back(rows.array(columns[i], which, room[i]));
  return connection.run_binary(name, arrays);
}

// The others of `sent` rows were not newer than those of the table.
void count_stale(const Table& table, size_t sent, int64_t written) {
  const int64_t stale = static_cast<int64_t>(sent) - written;
  if (table.conflict == Conflict::newer && stale > 0)
    metrics::counter("sink_stale_rejected_total", {{"table", table.name}}).Increment(static_cast<double>(stale));
}

Status merge_rows(pg::Connection& connection, const Table& table, const Rows& rows,
                  std::span<const uint32_t> which, Meet meet) {
  const TextColumns texts = rows.text_columns();
  const std::string name = with_texts(statement_name(name_of(meet), table), texts);
  SUJIP_CHECK_OK(connection.prepare(name, upsert_sql(table, meet, texts)));
  std::vector<size_t> columns(table.columns.size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  SUJIP_TRY(const pg::Rows done, run_arrays(connection, name, rows, columns, which));
  count_stale(table, which.size(), done.affected());
  return {};
}

Status send_tuples(pg::Connection& connection, const Rows& rows, std::span<const uint32_t> which) {
  // Signature, flags and the length of an extension that is none.
  std::string bytes("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  for (const uint32_t row : which) {
    rows.append_tuple(bytes, row);
    if (bytes.size() < kPiece) continue;
    SUJIP_CHECK_OK(connection.copy_send(bytes));
    bytes.clear();
  }
  bytes += "\377\377";  // no more tuples
  return connection.copy_send(bytes);
}

Status copy_new(pg::Connection& connection, const Table& table, const Rows& rows,
                std::span<const uint32_t> which) {
  SUJIP_CHECK_OK(connection.copy_begin(copy_new_sql(table)));
  if (const Status sent = send_tuples(connection, rows, which); !sent) {
    connection.copy_abort("sending failed");
    return sent;
  }
  SUJIP_CHECK_OK(connection.copy_end());
  return {};
}

}  // namespace

Status write_upserts(pg::Connection& connection, const Table& table, const Rows& rows,
                     std::span<const uint32_t> which, Meet meet) {
  if (which.empty()) return {};
  return meet == Meet::none ? copy_new(connection, table, rows, which)
                            : merge_rows(connection, table, rows, which, meet);
}

Status write_some_upserts(pg::Connection& connection, const Table& table, const Rows& rows,
                          std::span<const uint32_t> which) {
  return write_upserts(connection, table, rows, which, Meet::insert);
}

Result<bool> any_is_there(pg::Connection& connection, const Table& table, const Rows& rows,
                          std::span<const uint32_t> which) {
  const TextColumns texts = rows.text_columns();
  const std::string name = with_texts(statement_name("known", table), texts);
  SUJIP_CHECK_OK(connection.prepare(name, any_key_sql(table, texts)));
  const std::vector<size_t> key(table.key.begin(), table.key.end());
  SUJIP_TRY(const pg::Rows answer, run_arrays(connection, name, rows, key, which));
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
  const TextColumns texts = rows.text_columns();
  for (const auto& [nulls, group] : by_nulls) {
    const std::string name =
        with_texts(statement_name("remove", table) + ":" + std::to_string(nulls), texts);
    SUJIP_CHECK_OK(connection.prepare(name, remove_sql(table, nulls, texts)));
    SUJIP_CHECK_OK(run_arrays(connection, name, rows, remove_columns(table, nulls), group));
  }
  return {};
}

}  // namespace sujip::sink
