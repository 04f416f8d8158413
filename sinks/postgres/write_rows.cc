#include "sinks/postgres/write_rows.h"

#include <map>
#include <vector>

namespace sujip::sink {
namespace {

constexpr size_t kCopyBuffer = 256 * 1024;

// Two layouts may share a table (run_log); their columns tell them apart.
std::string statement_name(const char* kind, const Table& table) {
  return std::string(kind) + ":" + table.name + ":" + std::to_string(table.columns.size());
}

Status upsert_arrays(pg::Connection& connection, const Table& table, const Rows& rows,
                     std::span<const uint32_t> which) {
  const std::string name = statement_name("upsert", table);
  SUJIP_CHECK_OK(connection.prepare(name, upsert_sql(table)));
  std::vector<std::string> arrays(table.columns.size());
  std::vector<const char*> texts;
  for (size_t c = 0; c < arrays.size(); ++c) {
    rows.append_array(arrays[c], c, which);
    texts.push_back(arrays[c].c_str());
  }
  SUJIP_CHECK_OK(connection.run_texts(name, texts));
  return {};
}

Status upsert_copy(pg::Connection& connection, const Table& table, const Rows& rows,
                   std::span<const uint32_t> which) {
  SUJIP_CHECK_OK(connection.exec(create_batch_table_sql(table)));
  SUJIP_CHECK_OK(connection.copy_begin(copy_sql(table)));
  std::string buffer;
  buffer.reserve(kCopyBuffer + 4096);
  for (const uint32_t row : which) {
    rows.append_copy_line(buffer, row);
    if (buffer.size() < kCopyBuffer) continue;
    if (auto sent = connection.copy_send(buffer); !sent) {
      const Error error = sent.error();
      connection.copy_abort("sending failed");
      return error;
    }
    buffer.clear();
  }
  if (auto sent = connection.copy_send(buffer); !sent) {
    const Error error = sent.error();
    connection.copy_abort("sending failed");
    return error;
  }
  SUJIP_CHECK_OK(connection.copy_end());
  const std::string name = statement_name("merge", table);
  SUJIP_CHECK_OK(connection.prepare(name, merge_sql(table)));
  SUJIP_CHECK_OK(connection.run_texts(name, {}));
  return {};
}

}  // namespace

Status write_upserts(pg::Connection& connection, const Table& table, const Rows& rows,
                     std::span<const uint32_t> which) {
  if (which.empty()) return {};
  return which.size() <= kUnnestLimit ? upsert_arrays(connection, table, rows, which)
                                      : upsert_copy(connection, table, rows, which);
}

Status write_removals(pg::Connection& connection, const Table& table, const Rows& rows,
                      std::span<const uint32_t> which) {
  // Keys with nulls in different places need different statements.
  std::map<uint32_t, std::vector<uint32_t>> by_nulls;
  for (const uint32_t row : which) {
    uint32_t nulls = 0;
    for (size_t i = 0; i < table.key.size(); ++i) {
      if (rows.cell(row, static_cast<size_t>(table.key[i])).null) nulls |= 1U << i;
    }
    by_nulls[nulls].push_back(row);
  }
  for (const auto& [nulls, group] : by_nulls) {
    const std::string name = statement_name("delete", table) + ":" + std::to_string(nulls);
    SUJIP_CHECK_OK(connection.prepare(name, delete_sql(table, nulls)));
    std::vector<std::string> arrays;
    for (size_t i = 0; i < table.key.size(); ++i) {
      if ((nulls >> i) & 1U) continue;
      rows.append_array(arrays.emplace_back(), static_cast<size_t>(table.key[i]), group);
    }
    if (const int rev = table.column_index("rev"); rev >= 0) {
      rows.append_array(arrays.emplace_back(), static_cast<size_t>(rev), group);
    }
    std::vector<const char*> texts;
    for (const std::string& array : arrays) texts.push_back(array.c_str());
    SUJIP_CHECK_OK(connection.run_texts(name, texts));
  }
  return {};
}

}  // namespace sujip::sink
