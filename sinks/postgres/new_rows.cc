#include "sinks/postgres/new_rows.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sinks/postgres/schema.h"
#include "sinks/postgres/write_rows.h"

namespace sujip::sink {
namespace {

// Fewer rows are not worth a question.
constexpr size_t kWorthAsking = 2000;
constexpr size_t kAsked = 64;  // a batch with one row in twenty known passes once in 27 times
constexpr int kMostRests = 64;

}  // namespace

Result<bool> NewRows::takes_copy(pg::Connection& connection, const Table& table) {
  if (const auto known = takes_copy_.find(qualified(table)); known != takes_copy_.end())
    return known->second;
  SUJIP_TRY(const auto existing, columns_of(connection, table));
  const bool takes = std::all_of(table.columns.begin(), table.columns.end(), [&](const Column& ours) {
    const auto there = std::find_if(existing.begin(), existing.end(),
                                    [&](const ExistingColumn& c) { return c.name == ours.name; });
    return there != existing.end() && wire_of(there->type) == wire_of(ours.type);
  });
  return takes_copy_[qualified(table)] = takes;
}

Result<bool> NewRows::likely(pg::Connection& connection, const Table& table, const Rows& rows) {
  if (rows.size() <= kWorthAsking || table.nullable_key) return false;
  const TextColumns texts = rows.text_columns();
  if (std::find(texts.begin(), texts.end(), true) != texts.end()) return false;
  if (const auto past = past_.find(qualified(table)); past != past_.end() && past->second.rests > 0) {
    --past->second.rests;
    return false;
  }
  std::vector<uint32_t> asked;
  for (size_t i = 0; i < kAsked; ++i) asked.push_back(static_cast<uint32_t>(i * rows.size() / kAsked));
  SUJIP_TRY(const bool takes, takes_copy(connection, table));
  if (!takes) return false;
  SUJIP_TRY(const bool known, any_is_there(connection, table, rows, asked));
  return !known;
}

void NewRows::was_wrong(const Table& table) {
  Past& past = past_[qualified(table)];
  past.rests = past.next_rests;
  past.next_rests = std::min(2 * past.next_rests, kMostRests);
}

}  // namespace sujip::sink
