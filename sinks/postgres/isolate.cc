#include "sinks/postgres/isolate.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <unordered_map>

#include "sinks/postgres/write_rows.h"

namespace sujip::sink {
namespace {

using Write = Status (*)(pg::Connection&, const Table&, const Rows&, std::span<const uint32_t>);

Status halve(pg::Connection& connection, Write write, const Table& table, const Rows& rows,
             std::span<const uint32_t> which, std::vector<BadRow>& bad) {
  if (which.empty()) return {};
  SUJIP_CHECK_OK(connection.exec("savepoint rows"));
  const Status done = write(connection, table, rows, which);
  if (done) {
    SUJIP_CHECK_OK(connection.exec("release savepoint rows"));
    return {};
  }
  if (!lies_in_the_rows(connection)) return done;
  SUJIP_CHECK_OK(connection.exec("rollback to savepoint rows; release savepoint rows"));
  if (which.size() == 1) {
    bad.push_back({rows.origin(which.front()).message, "table " + table.name + ": " + done.error().what});
    return {};
  }
  const size_t half = which.size() / 2;
  SUJIP_CHECK_OK(halve(connection, write, table, rows, which.first(half), bad));
  return halve(connection, write, table, rows, which.subspan(half), bad);
}

}  // namespace

bool lies_in_the_rows(const pg::Connection& connection) {
  // 21000: two rows of the batch are the same row of the table.
  return connection.trouble() == pg::Trouble::data ||
         (connection.trouble() != pg::Trouble::none && connection.sqlstate() == "21000");
}

std::vector<uint32_t> last_of_each_key(const Table& table, const Rows& rows) {
  std::unordered_map<std::string, uint32_t> last;
  for (uint32_t row = 0; row < rows.size(); ++row) {
    std::string key;
    for (const int k : table.key) {
      const auto column = static_cast<size_t>(k);
      key += rows.is_null(row, column) ? std::string(1, '\1') : rows.text(row, column);
      key += '\0';
    }
    const auto [found, fresh] = last.try_emplace(std::move(key), row);
    if (!fresh && rows.origin(row).message > rows.origin(found->second).message) found->second = row;
  }
  std::vector<uint32_t> which;
  which.reserve(last.size());
  for (const auto& [key, row] : last) which.push_back(row);
  std::sort(which.begin(), which.end());
  return which;
}

Status write_isolating(pg::Connection& connection, const Prepared& prepared, std::vector<BadRow>& bad) {
  for (const auto& [name, rows] : prepared.tables) {
    std::vector<uint32_t> removals(rows.removals.size());
    std::iota(removals.begin(), removals.end(), 0U);
    SUJIP_CHECK_OK(halve(connection, write_removals, *rows.table, rows.removals, removals, bad));
    SUJIP_CHECK_OK(halve(connection, write_some_upserts, *rows.table, rows.upserts,
                         last_of_each_key(*rows.table, rows.upserts), bad));
  }
  return {};
}

}  // namespace sujip::sink
