#pragma once
// Guesses whether all rows of a large batch are new to their table, as those of a first load are. Then COPY puts them
// straight into it, for less than what a merge costs. A guess that was wrong costs a transaction that is rolled back
// by the key that was there, so after one a table is left alone for a while, longer each time.

#include <map>
#include <string>

#include "core/postgres/connection.h"
#include "sinks/postgres/rows.h"
#include "sinks/postgres/table.h"

namespace sujip::sink {

class NewRows {
 public:
  // Asks the table for some of the keys.
  Result<bool> likely(pg::Connection& connection, const Table& table, const Rows& rows);
  void was_right(const Table& table) { past_.erase(qualified(table)); }
  void was_wrong(const Table& table);

 private:
  struct Past {
    int rests = 0;       // guesses that are not made yet
    int next_rests = 1;  // after one more that is wrong
  };
  std::map<std::string, Past> past_;  // of tables about which a guess was wrong
};

}  // namespace sujip::sink
