#include "sinks/postgres/flush.h"

#include <numeric>

#include "core/log.h"
#include "sinks/postgres/write_rows.h"

namespace sujip::sink {
namespace {

// More bad rows than this in one flush, when they are also the larger part of it, are a broken
// program: dead letters would only hide it.
constexpr size_t kTolerated = 100;

using Write = Status (*)(pg::Connection&, const Table&, const Rows&, std::span<const uint32_t>);

std::vector<uint32_t> all_of(const Rows& rows) {
  std::vector<uint32_t> which(rows.size());
  std::iota(which.begin(), which.end(), 0U);
  return which;
}

// Log n statements for one bad row among n good ones.
Status bisect(pg::Connection& connection, Write write, const Table& table, const Rows& rows,
              std::span<const uint32_t> which, std::vector<BadRow>& bad) {
  if (which.empty()) return {};
  SUJIP_CHECK_OK(connection.exec("savepoint rows"));
  const Status done = write(connection, table, rows, which);
  if (done) {
    SUJIP_CHECK_OK(connection.exec("release savepoint rows"));
    return {};
  }
  if (connection.trouble() != pg::Trouble::data) return done;
  SUJIP_CHECK_OK(connection.exec("rollback to savepoint rows; release savepoint rows"));
  if (which.size() == 1) {
    bad.push_back({rows.origin(which.front()).message, "table " + table.name + ": " + done.error().what});
    return {};
  }
  const size_t half = which.size() / 2;
  SUJIP_CHECK_OK(bisect(connection, write, table, rows, which.first(half), bad));
  return bisect(connection, write, table, rows, which.subspan(half), bad);
}

}  // namespace

Status Flush::write_all(pg::Connection& connection, const Prepared& prepared) {
  for (const auto& [name, rows] : prepared.tables) {
    SUJIP_CHECK_OK(write_removals(connection, *rows.table, rows.removals, all_of(rows.removals)));
    SUJIP_CHECK_OK(write_upserts(connection, *rows.table, rows.upserts, all_of(rows.upserts)));
  }
  return {};
}

Status Flush::write_isolating(pg::Connection& connection, const Prepared& prepared,
                              std::vector<BadRow>& bad) {
  for (const auto& [name, rows] : prepared.tables) {
    SUJIP_CHECK_OK(bisect(connection, write_removals, *rows.table, rows.removals,
                          all_of(rows.removals), bad));
    SUJIP_CHECK_OK(
        bisect(connection, write_upserts, *rows.table, rows.upserts, all_of(rows.upserts), bad));
  }
  return {};
}

FlushResult Flush::run(pg::Connection& connection, const std::vector<Move>& moves,
                       const Batch& batch, Prepared& prepared) {
  FlushResult result;
  const auto fail = [&](const Error& error) {
    result.outcome = Flushed::failed;
    result.error = error;
    result.trouble = connection.trouble();
    return result;
  };
  for (const bool isolating : {false, true}) {
    auto transaction = pg::Transaction::begin(connection);
    if (!transaction) return fail(transaction.error());
    auto mine = progress_->advance(connection, moves);
    if (!mine) return fail(mine.error());
    if (!*mine) {
      result.outcome = Flushed::fenced;
      return result;
    }
    std::vector<BadRow> bad = prepared.bad;
    const Status written = isolating ? write_isolating(connection, prepared, bad)
                                     : write_all(connection, prepared);
    if (!written) {
      if (!isolating && connection.trouble() == pg::Trouble::data) continue;
      return fail(written.error());
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
    result.outcome = Flushed::committed;
    return result;
  }
  return result;
}

}  // namespace sujip::sink
