#pragma once
// Statements of a flush for one table. They run inside the caller's transaction.

#include <cstdint>
#include <span>

#include "core/postgres/connection.h"
#include "sinks/postgres/rows.h"
#include "sinks/postgres/table.h"

namespace sujip::sink {

// Up to this many rows one INSERT … unnest is cheaper than COPY and a merge.
inline constexpr size_t kUnnestLimit = 2000;

// `which`: indexes into rows.
Status write_upserts(pg::Connection& connection, const Table& table, const Rows& rows,
                     std::span<const uint32_t> which);
Status write_removals(pg::Connection& connection, const Table& table, const Rows& rows,
                      std::span<const uint32_t> which);

}  // namespace sujip::sink
