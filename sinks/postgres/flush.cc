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

Status write_all(pg::Connection& connection, const Prepared& prepared) {
  std::vector<uint32_t> all;
  const auto all_of = [&all](const Rows& rows) {
    all.resize(rows.size());
    std::iota(all.begin(), all.end(), 0U);
    return std::span<const uint32_t>(all);
  };
  for (const auto& [name, rows] : prepared.tables) {
    const Meet meet = best_meet(*rows.table, connection.server_version());
    SUJIP_CHECK_OK(write_removals(connection, *rows.table, rows.removals, all_of(rows.removals)));
    SUJIP_CHECK_OK(
        write_upserts(connection, *rows.table, rows.upserts, all_of(rows.upserts), meet));
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
  for (const bool isolating : {false, true}) {
    // A month that was dropped by hand meanwhile looks like bad rows: then there are none.
    if (isolating) months_.forget();
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
    const Status written =
        isolating ? write_isolating(connection, prepared, bad) : write_all(connection, prepared);
    if (!written) {
      if (!isolating && lies_in_the_rows(connection)) continue;
      return fail(written.error());
    }
    if (bad.size() > kTolerated && bad.size() * 2 > batch.size()) {
      result.outcome = Flushed::poison;
      result.error =
          Error{std::to_string(bad.size()) + " of " + std::to_string(batch.size()) +
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
    result.outcome = Flushed::committed;
    return result;
  }
  return result;
}

}  // namespace sujip::sink
