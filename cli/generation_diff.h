#pragma once
// How the tables of two generations differ, row by row, without what says when or in which record of a
// topic something came.

#include <string>
#include <vector>

#include "core/postgres/connection.h"
#include "topics/generation.h"

namespace sujip {

struct TableDiff {
  std::string table;
  int64_t rows_a = 0, rows_b = 0;
  int64_t only_a = 0, only_b = 0, different = 0;
  std::vector<std::string> examples;  // "key: {before} -> {after}"
  bool same() const { return only_a == 0 && only_b == 0 && different == 0; }
};

// Of the datasets that both have, within the dates that both have where a dataset has dates.
Result<std::vector<TableDiff>> diff_generations(pg::Connection& connection, const Datasets& all,
                                                const topics::Generation& a, const topics::Generation& b);

}  // namespace sujip
