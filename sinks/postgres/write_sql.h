#pragma once
// The statements that write rows into a table.

#include <cstdint>
#include <string>

#include "sinks/postgres/table.h"

namespace sujip::sink {

// How rows meet those that are there.
enum class Meet : uint8_t {
  // COPY into the table itself: a row that is there is an error.
  none,
  // MERGE: finds the rows first, so that nothing is locked or written for a row that stays. A key
  // that somebody else inserts at the same moment is an error.
  merge,
  // INSERT … ON CONFLICT: never fails because of a row that is there; writes more.
  insert,
};
// MERGE finds no rows by keys that hold nulls, fails when a batch holds a key twice (as those of
// tables that keep what is there may), and a server before 15 doesn't know it.
Meet best_meet(const Table& table, int server_version);

// Name of the session's temporary table for large batches: batch_product_16
std::string batch_table(const Table& table);
std::string create_batch_table_sql(const Table& table);
std::string copy_sql(const Table& table);      // into the batch table
std::string copy_new_sql(const Table& table);  // into the table itself
std::string upsert_batch_sql(const Table& table, Meet meet);

// Small batches: one array of text per column, $1 … $n.
std::string upsert_arrays_sql(const Table& table, Meet meet);
// Whether any of the keys is in the table; one array per key column.
std::string any_key_sql(const Table& table);
// Arrays of the key columns that are not null by `nulls` (bit per key column), then the marks when
// rows are marked instead of deleted, then the revisions when the table has them.
std::string remove_sql(const Table& table, uint32_t nulls);

}  // namespace sujip::sink
