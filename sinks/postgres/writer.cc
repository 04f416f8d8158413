#include "sinks/postgres/writer.h"

#include <algorithm>
#include <chrono>

#include "core/log.h"
#include "core/metrics.h"
#include "sinks/postgres/schema.h"

namespace sujip::sink {
namespace {

using Clock = std::chrono::steady_clock;

pg::ConnectOptions session_options(int number) {
  pg::ConnectOptions options;
  options.application_name = "sujip sink writer " + std::to_string(number);
  // Every statement of the hot path is "for each of these keys, look into the key's index". Plans
  // made while a table was still small must not become sequential scans of a large one.
  options.session = {{"plan_cache_mode", "force_generic_plan"},
                     {"enable_seqscan", "off"},
                     {"enable_hashjoin", "off"},
                     {"enable_mergejoin", "off"},
                     {"jit", "off"},
                     // A batch in its temporary table stays in memory.
                     {"temp_buffers", "64MB"},
                     {"client_min_messages", "warning"},
                     {"lock_timeout", "30s"},
                     {"idle_in_transaction_session_timeout", "60s"}};
  return options;
}

}  // namespace

Writer::Writer(int number, std::string pg, const Progress& progress, DeadLetters& dead)
    : number_(number), pg_(std::move(pg)), progress_(&progress), flush_(progress, dead) {}

Writer::~Writer() { stop(); }

void Writer::start() {
  thread_ = std::thread([this] { run(); });
}

void Writer::hurry() {
  const std::lock_guard lock(mutex_);
  hurry_ = true;
  wake_.notify_all();
}

void Writer::stop() {
  hurry();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Writer::idle() const {
  const std::lock_guard lock(mutex_);
  return !next_ && !busy_ && !landed_;
}

void Writer::write(std::unique_ptr<Shipment> shipment) {
  const std::lock_guard lock(mutex_);
  next_ = std::move(shipment);
  wake_.notify_all();
}

std::optional<Landed> Writer::take(bool wait) {
  std::unique_lock lock(mutex_);
  if (wait) wake_.wait(lock, [this] { return landed_ || (!next_ && !busy_); });
  return std::exchange(landed_, std::nullopt);
}

pg::Connection* Writer::session() { return connection_ && connection_->connected() ? &*connection_ : nullptr; }

void Writer::run() {
  for (;;) {
    Landed landed;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || next_; });
      if (!next_) return;
      landed.shipment = std::move(next_);
      busy_ = true;
    }
    const auto start = Clock::now();
    land(landed);
    landed.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const std::lock_guard lock(mutex_);
    busy_ = false;
    landed_ = std::move(landed);
    wake_.notify_all();
  }
}

void Writer::land(Landed& landed) {
  const Shipment& shipment = *landed.shipment;
  for (int attempt = 0;; ++attempt) {
    if (!connection_ || !connection_->connected()) {
      if (!connect()) return;
      const Truth truth = find_out(landed);
      if (truth != Truth::not_committed) return;
    }
    FlushResult result = flush_.run(*connection_, shipment);
    switch (result.outcome) {
      case Flushed::committed:
        landed.committed = true;
        if (!told_.empty()) log::info("writing to PostgreSQL again");
        told_.clear();
        return;
      case Flushed::fenced:
        // Whatever the rows say, what was collected behind this batch does not fit any more, unless
        // it turns out to be committed.
        if (find_out(landed) != Truth::committed) landed.rewind = true;
        return;
      case Flushed::poison:
      case Flushed::failed:
        break;
    }
    count_failure(result, shipment.prepared);
    repair(result, shipment.prepared);
    if (result.trouble == pg::Trouble::retry && attempt < 3) continue;
    if (!pause(result.error, attempt)) return;
  }
}

void Writer::repair(FlushResult& result, const Prepared& prepared) {
  if (result.trouble == pg::Trouble::statement) {
    // A table that was dropped, or a declaration newer than the table.
    std::vector<Table> tables;
    for (const auto& [name, rows] : prepared.tables) {
      if (rows.table->declared) tables.push_back(*rows.table);
    }
    if (auto made = ensure_tables(*connection_, tables); !made) result.error = made.error();
    connection_->forget_prepared();
  }
  // A lost connection is only known to be lost after the reconnect asked for the rows.
  if (result.trouble == pg::Trouble::connection) connection_.reset();
}

Writer::Truth Writer::find_out(Landed& landed) {
  const std::vector<Move>& moves = landed.shipment->moves;
  size_t committed = 0;
  size_t open = 0;
  for (size_t i = 0; i < moves.size();) {
    const Move& move = moves[i];
    auto row = progress_->one(*connection_, move.tp);
    if (!row) {
      if (!pause(row.error(), 1)) return Truth::unknown;
      if (!connection_->connected() && !connect()) return Truth::unknown;
      i = committed = open = 0;
      landed.lost.clear();
      continue;
    }
    switch (fate_of(move, *row)) {
      case Fate::committed:
        ++committed;
        break;
      case Fate::not_committed:
        ++open;
        break;
      case Fate::fenced:
        landed.lost.emplace_back(move.tp,
                                 "another sink owns it now" + (*row && (*row)->owner ? ": " + *(*row)->owner : ""));
    }
    ++i;
  }
  // What was committed before a loss counts; the rest is read again.
  landed.committed = committed > 0;
  if (landed.lost.empty() && open == 0) return Truth::committed;
  if (landed.lost.empty() && committed == 0) return Truth::not_committed;
  landed.rewind = true;
  return Truth::rewind;
}

void Writer::count_failure(const FlushResult& result, const Prepared& prepared) {
  const std::string& state = connection_->sqlstate();
  const std::string reason = result.outcome == Flushed::poison ? "poison"
                             : state.empty()                   ? "connection"
                                                               : state.substr(0, 2);
  for (const auto& [name, rows] : prepared.tables) {
    if (rows.removals.empty() && rows.upserts.empty()) continue;
    metrics::counter("sink_batch_failures_total", {{"table", rows.table->name}, {"reason", reason}}).Increment();
  }
}

bool Writer::connect() {
  for (int attempt = 0;; ++attempt) {
    auto opened = pg::Connection::open(pg_, session_options(number_));
    if (opened) {
      connection_ = std::move(*opened);
      flush_.forget();
      return true;
    }
    if (!pause(opened.error(), attempt)) return false;
  }
}

bool Writer::pause(const Error& error, int attempt) {
  const std::string text = error.message();
  // Once, not at every attempt.
  if (text != told_) log::error("writer {}: {}; trying again until it works", number_, text);
  told_ = text;
  const auto wait = std::min(std::chrono::milliseconds(100LL << std::min(attempt, 6)), std::chrono::milliseconds(5000));
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, wait, [this] { return hurry_.load(); });
  return !hurry_;
}

}  // namespace sujip::sink
