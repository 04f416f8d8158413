#pragma once
// One flush: fence, rows, commit, as one transaction; before it the partitions that the rows need. Finds out which rows
// can't be stored, and what became of a COMMIT that was never answered.

#include <functional>
#include <string>
#include <vector>

#include "core/postgres/connection.h"
#include "sinks/postgres/dead_letters.h"
#include "sinks/postgres/months.h"
#include "sinks/postgres/new_rows.h"
#include "sinks/postgres/progress.h"
#include "sinks/postgres/shipment.h"

namespace sujip::sink {

enum class Flushed : uint8_t {
  committed,
  fenced,  // a partition belongs to somebody else; nothing was written
  poison,  // most of the batch can't be stored: that is a broken program, not data
  failed,  // nothing is known to be written; see the error and connection.trouble()
};

struct FlushResult {
  Flushed outcome = Flushed::failed;
  Error error;
  pg::Trouble trouble = pg::Trouble::none;
  size_t dead = 0;  // rows that went to dead_letter
};

class Flush {
 public:
  Flush(const Progress& progress, DeadLetters& dead) : progress_(&progress), dead_(&dead) {}

  FlushResult run(pg::Connection& connection, const Shipment& shipment);
  // The session is a new one: tables may not be what they were.
  void forget() { months_.forget(); }

 private:
  const Progress* progress_;
  DeadLetters* dead_;
  Months months_;
  NewRows new_rows_;
};

}  // namespace sujip::sink
