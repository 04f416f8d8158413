#pragma once
// Writes what can be written of a batch that a plain flush could not: bad rows are found by halving
// under savepoints, log n statements for one bad row among n.

#include <vector>

#include "core/postgres/connection.h"
#include "sinks/postgres/prepare.h"

namespace sujip::sink {

// True for errors that lie in the rows: other rows can be stored.
bool lies_in_the_rows(const pg::Connection& connection);

// Inside the caller's transaction. What can't be stored is added to `bad`.
Status write_isolating(pg::Connection& connection, const Prepared& prepared, std::vector<BadRow>& bad);

// The rows without those whose key comes again in a later message. Keys of records may be spelled
// in different ways and name the same row; that is rare, so it is looked for only after an error.
std::vector<uint32_t> last_of_each_key(const Table& table, const Rows& rows);

}  // namespace sujip::sink
