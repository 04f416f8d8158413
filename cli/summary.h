#pragma once
// What `up --once` says at its end: a table for people, one JSON object for programs.

#include <string>

#include "core/postgres/connection.h"
#include "core/result.h"
#include "topics/dataset.h"

namespace sujip {

// Sums of the change log and of the other books at one moment.
struct Totals {
  int64_t runs = 0, rows = 0, created = 0, updated = 0, minor = 0, deleted = 0;
  int64_t held = 0;  // runs that wait for a person now
  int64_t incomplete = 0;
  int64_t dead_letters = 0;
  int64_t refused = 0;  // files and answers refused by collectors
  static Result<Totals> read(pg::Connection& connection);
};

// Prints the table of datasets and what changed between `before` and now.
Status print_summary(pg::Connection& connection, const Datasets& datasets, const Totals& before, const Totals& now);

// The last line. `collected` is the collector's own JSON object ("" when it gave none).
std::string summary_json(pg::Connection& connection, const Datasets& datasets, const Totals& before, const Totals& now,
                         const std::string& collected, bool complete, double seconds);

}  // namespace sujip
