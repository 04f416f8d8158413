#pragma once
// Tables of datasets are created and widened, never dropped, renamed or rewritten.

#include "core/postgres/connection.h"
#include "sinks/postgres/table.h"

namespace sujip::sink {

// What PostgreSQL says a table looks like.
struct ExistingColumn {
  std::string name;
  std::string type;  // format_type()
};

// The columns to add, or an error that names the column whose type differs.
Result<std::vector<Column>> missing_columns(const Table& table, const std::vector<ExistingColumn>& existing);

struct SchemaReport {
  std::vector<std::string> created;  // tables
  std::vector<std::string> added;    // table.column
  std::vector<std::string> whole;    // tables that are declared by month and were there before, in one piece
};

// Creates or widens each table, and keeps the views of the live generation in step with them. Waits at most 2 s
// at a time for a lock on a table, so that readers never queue behind it for long, and tries again for a minute.
Result<SchemaReport> ensure_tables(pg::Connection& connection, const std::vector<Table>& tables);

}  // namespace sujip::sink
