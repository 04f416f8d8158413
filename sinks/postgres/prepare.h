#pragma once
// From a batch of messages to the rows of each table. No database: the same batch always gives the
// same rows, except for the time at which a run is said to be on its way into the tables.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/calendar.h"
#include "sinks/postgres/batch.h"
#include "sinks/postgres/decode.h"
#include "sinks/postgres/price_history.h"
#include "sinks/postgres/rows.h"
#include "topics/generation.h"

namespace sujip::sink {

// What one flush does to one table: removals first, then upserts, each in order of the keys.
struct TableRows {
  explicit TableRows(const Table& t) : table(&t), removals(t.columns.size()), upserts(t.columns.size()) {}
  const Table* table;
  Rows removals;
  Rows upserts;
};

struct BadRow {
  uint32_t message = 0;
  std::string reason;
};

struct Prepared {
  std::map<std::string, TableRows> tables;  // some may be without rows
  std::vector<BadRow> bad;
  bool loads = false;  // runs were decided: somebody should watch their way into the tables
  size_t rows() const;
  void clear();  // keeps the memory of the tables
};

class Preparer {
 public:
  // `live`: of which datasets it says what became of runs; null: of all. What collectors say always counts.
  explicit Preparer(std::shared_ptr<const topics::Liveness> live = nullptr);
  ~Preparer();
  // Fills `out` anew. `now`: the time of the load records.
  void prepare(Batch& batch, TimeMs now, Prepared& out);

 private:
  Decoder& decoder(const Table& table);
  void keyed(Batch& batch, Batch::Part& part, Prepared& out);
  void prices_of(const Table& table, uint32_t message, Prepared& out);
  void ledger(Batch& batch, const Batch::Part& part, Prepared& out);
  void loads(Batch& batch, const Batch::Part& part, TimeMs now, Prepared& out);

  bool is_live(std::string_view dataset) const { return !live_ || live_->is_live(dataset); }

  std::shared_ptr<const topics::Liveness> live_;
  std::map<const Table*, Decoder> decoders_;
  Table loading_, price_;
  std::unique_ptr<PriceHistory> prices_;
};

// The first characters of bytes that may be anything, fit for a text column.
std::string preview(std::string_view bytes, size_t limit);
std::string unbase64(std::string_view text);

}  // namespace sujip::sink
