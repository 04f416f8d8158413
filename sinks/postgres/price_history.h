#pragma once
// Price changes, folded from change.product: a row for every change in which `price` or
// `price_text` differs, the first price included.

#include <span>
#include <vector>

#include "sinks/postgres/rows.h"

namespace sujip::sink {

// The table of products, with the prices before a change read aside.
Table with_prices_before(Table product);

class PriceHistory {
 public:
  // `product` as with_prices_before() made it.
  PriceHistory(const Table& product, const Table& history);

  // Adds the row an upsert makes, if it makes one. `change`: the decoded cells of `product`.
  void add(std::span<const Cell> change, RowOrigin origin, Rows& out);

 private:
  std::vector<int> from_;  // per column of the history: a cell of the change, -1 = none
  std::vector<Cell> cells_;
  size_t price_before_, price_, text_before_, text_, rev_, snapshot_;
};

}  // namespace sujip::sink
