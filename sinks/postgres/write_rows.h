#pragma once
// Statements of a flush for one table. They run inside the caller's transaction.

#include <cstdint>
#include <span>

#include "core/postgres/connection.h"
#include "sinks/postgres/rows.h"
#include "sinks/postgres/table.h"
#include "sinks/postgres/write_sql.h"

namespace sujip::sink {

// Up to this many rows one statement with arrays is cheaper than COPY and a merge.
inline constexpr size_t kArrayLimit = 2000;

// `which`: ascending indexes into rows. At most one call per table and transaction: the temporary
// table is emptied by the commit.
Status write_upserts(pg::Connection& connection, const Table& table, const Rows& rows, std::span<const uint32_t> which,
                     Meet meet);
// Any number of calls: for telling good rows from bad ones.
Status write_some_upserts(pg::Connection& connection, const Table& table, const Rows& rows,
                          std::span<const uint32_t> which);
// Whether the table has a row of any of these keys, which hold no nulls.
Result<bool> any_is_there(pg::Connection& connection, const Table& table, const Rows& rows,
                          std::span<const uint32_t> which);
Status write_removals(pg::Connection& connection, const Table& table, const Rows& rows,
                      std::span<const uint32_t> which);

}  // namespace sujip::sink
