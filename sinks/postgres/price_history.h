#pragma once
// Price changes, folded from change.product: a row for every change in which `price` or `price_text`
// differs, the first price included.

#include <string_view>
#include <vector>

#include "sinks/postgres/rows.h"

namespace sujip::sink {

class PriceHistory {
 public:
  PriceHistory();
  ~PriceHistory();

  // Adds the row a change makes, if it makes one. A value that can't be read is left to the table's
  // own decoder, which reports it.
  void add(std::string_view value, RowOrigin origin, Rows& out);

 private:
  struct Reader;
  std::unique_ptr<Reader> reader_;
};

}  // namespace sujip::sink
