#include "sinks/postgres/new_rows.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sinks/postgres/write_rows.h"

namespace sujip::sink {
namespace {

constexpr size_t kAsked = 64;  // a batch with one row in twenty known passes once in 27 times
constexpr int kMostRests = 64;

}  // namespace

Result<bool> NewRows::likely(pg::Connection& connection, const Table& table, const Rows& rows) {
  if (rows.size() <= kArrayLimit || table.nullable_key) return false;
  if (const auto past = past_.find(qualified(table)); past != past_.end() && past->second.rests > 0) {
    --past->second.rests;
    return false;
  }
  std::vector<uint32_t> asked;
  for (size_t i = 0; i < kAsked; ++i) asked.push_back(static_cast<uint32_t>(i * rows.size() / kAsked));
  SUJIP_TRY(const bool known, any_is_there(connection, table, rows, asked));
  return !known;
}

void NewRows::was_wrong(const Table& table) {
  Past& past = past_[qualified(table)];
  past.rests = past.next_rests;
  past.next_rests = std::min(2 * past.next_rests, kMostRests);
}

}  // namespace sujip::sink
