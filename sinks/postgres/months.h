#pragma once
// Partitions of large tables, a month each. They are made when the first row of a month comes, before the transaction
// of the rows: an empty month of a flush that failed does no harm. What a table looks like is asked of the
// database, so one that is in one piece stays so, and one that a person partitioned by its date is served, too.

#include <map>
#include <set>
#include <string>

#include "core/postgres/connection.h"
#include "sinks/postgres/prepare.h"

namespace sujip::sink {

// The months of the rows, each by one of its days: {"2024-03", "2024-03-04"}. Texts that are no dates
// are left out: PostgreSQL refuses them with a reason.
std::map<std::string, std::string> months_of(const Rows& rows, size_t column);

// What one session knows of the partitions.
class Months {
 public:
  // Makes what the rows of the batch need and their tables don't have. Outside of a transaction. Errors are those
  // of the connection; a lock that isn't to be had is Trouble::retry.
  Status make(pg::Connection& connection, const Prepared& prepared);
  // Somebody may have taken a partition away: asks again.
  void forget() { known_.clear(); }

 private:
  struct Known {
    bool partitioned = false;
    std::set<std::string> months;
  };
  Result<Known*> look(pg::Connection& connection, const Table& table);

  std::map<std::string, Known> known_;  // by qualified table
};

}  // namespace sujip::sink
