#include "sinks/postgres/flush.h"

#include <numeric>
#include <span>

#include "sinks/postgres/isolate.h"
#include "sinks/postgres/write_rows.h"

namespace sujip::sink {
namespace {

// More bad rows than this in one flush, when they are also the larger part of it, are a broken
// program: dead letters would only hide it.
constexpr size_t kTolerated = 100;

// How much is made of the rows: tables that seem to have none of them get them as they are, then all are merged, then
// the bad ones are looked for.
enum class Way : uint8_t { guess, merge, isolate };

// Adds the tables whose rows were taken for new ones to `guessed`; none may be with `guesses` null.
Status write_all(pg::Connection& connection, const Prepared& prepared, NewRows* guesses,
                 std::vector<const Table*>& guessed) {
  std::vector<uint32_t> all;
  const auto all_of = [&all](const Rows& rows) {
    all.resize(rows.size());
    std::iota(all.begin(), all.end(), 0U);
    return std::span<const uint32_t>(all);
  };
  for (const auto& [name, rows] : prepared.tables) {
    Meet meet = best_meet(*rows.table, connection.server_version());
    SUJIP_CHECK_OK(write_removals(connection, *rows.table, rows.removals, all_of(rows.removals)));
    if (guesses != nullptr) {
      SUJIP_TRY(const bool are_new, guesses->likely(connection, *rows.table, rows.upserts));
      if (are_new) {
        meet = Meet::none;
        guessed.push_back(rows.table);
      }
    }
    SUJIP_CHECK_OK(write_upserts(connection, *rows.table, rows.upserts, all_of(rows.upserts), meet));
  }
  return {};
}

}  // namespace

FlushResult Flush::run(pg::Connection& connection, const Shipment& shipment) {
  const auto& [batch, prepared, moves] = shipment;
  FlushResult result;
  const auto fail = [&](const Error& error) {
    result.outcome = Flushed::failed;
    result.error = error;
    result.trouble = connection.trouble();
    return result;
  };
  for (Way way = Way::guess;;) {
    // A month that was dropped by hand meanwhile looks like bad rows: then there are none.
    if (way == Way::isolate) months_.forget();
    if (auto made = months_.make(connection, prepared); !made) return fail(made.error());
    auto transaction = pg::Transaction::begin(connection);
    if (!transaction) return fail(transaction.error());
    auto mine = progress_->advance(connection, moves);
    if (!mine) return fail(mine.error());
    if (!*mine) {
      result.outcome = Flushed::fenced;
      return result;
    }
    std::vector<BadRow> bad = prepared.bad;
    std::vector<const Table*> guessed;
    const Status written = way == Way::isolate
                               ? write_isolating(connection, prepared, bad)
                               : write_all(connection, prepared, way == Way::guess ? &new_rows_ : nullptr, guessed);
    if (!written) {
      // Not every table takes COPY: not one with policies for rows.
      const bool guess_failed = !guessed.empty() && connection.trouble() == pg::Trouble::statement;
      if (way == Way::isolate || !(guess_failed || lies_in_the_rows(connection))) return fail(written.error());
      for (const Table* table : guessed) new_rows_.was_wrong(*table);
      way = guessed.empty() ? Way::isolate : Way::merge;
      continue;
    }
    if (bad.size() > kTolerated && bad.size() * 2 > batch.size()) {
      result.outcome = Flushed::poison;
      result.error = Error{std::to_string(bad.size()) + " of " + std::to_string(batch.size()) +
                               " records can't be stored, the first because: " + bad.front().reason,
                           DeadLetters::place_of(batch.message(bad.front().message)),
                           "the program that wrote them is broken, or the table was changed by hand"};
      return result;
    }
    if (!bad.empty()) {
      if (auto kept = dead_->keep(connection, batch, bad); !kept) return fail(kept.error());
    }
    result.dead = bad.size();
    if (auto done = transaction->commit(); !done) return fail(done.error());
    for (const Table* table : guessed) new_rows_.was_right(*table);
    result.outcome = Flushed::committed;
    return result;
  }
}

}  // namespace sujip::sink
