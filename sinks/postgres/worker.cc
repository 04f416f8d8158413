#include "sinks/postgres/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/metrics.h"
#include "sinks/postgres/schema.h"

namespace sujip::sink {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPoll = 4000;  // records of one poll

pg::ConnectOptions session_options(int number) {
  pg::ConnectOptions options;
  options.application_name = "sujip sink writer " + std::to_string(number);
  // Every statement of the hot path is "for each of these keys, look into the key's index". Plans made
  // while a table was still small must not become sequential scans of a large one.
  options.session = {{"plan_cache_mode", "force_generic_plan"},
                     {"enable_seqscan", "off"},
                     {"enable_hashjoin", "off"},
                     {"enable_mergejoin", "off"},
                     {"jit", "off"},
                     {"client_min_messages", "warning"},
                     {"lock_timeout", "30s"},
                     {"idle_in_transaction_session_timeout", "60s"}};
  return options;
}

}  // namespace

Worker::Worker(int number, WorkerConfig config, const Progress& progress, DeadLetters& dead)
    : number_(number), config_(std::move(config)), progress_(&progress), flush_(progress, dead) {}

Worker::~Worker() {
  stop();
  join();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::give(const Claim& claim, const Target& target) {
  const std::lock_guard lock(mutex_);
  commands_.push_back({claim, &target});
  holds_.insert(claim.tp);
  wake_.notify_all();
}

void Worker::take_back(const kafka::TopicPartition& tp) {
  const std::lock_guard lock(mutex_);
  commands_.push_back({{tp, 0, 0}, nullptr});
  wake_.notify_all();
}

std::set<kafka::TopicPartition> Worker::holds() const {
  const std::lock_guard lock(mutex_);
  return holds_;
}

std::optional<Error> Worker::fatal() const {
  const std::lock_guard lock(mutex_);
  return fatal_;
}

void Worker::give_up(Error error) {
  const std::lock_guard lock(mutex_);
  fatal_ = std::move(error);
  stopping_ = true;
}

void Worker::run() {
  kafka::ConsumerConfig config;
  config.bootstrap = config_.kafka;
  config.client_id = "sujip-sink-" + std::to_string(number_);
  config.fetch_wait_ms = config_.poll_ms;
  config.queue_kbytes = config_.queue_kbytes;
  config.partition_eof = true;
  auto consumer = kafka::Consumer::create(config);
  if (!consumer) return give_up(consumer.error());
  consumer_ = std::move(*consumer);
  if (!connect()) return;
  while (!stopping_) {
    obey();
    if (partitions_.empty()) {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::milliseconds(200),
                     [this] { return stopping_ || !commands_.empty(); });
      continue;
    }
    const bool more = collect();
    if (stopping_) break;
    const bool full =
        batch_.size() >= config_.batch_rows || batch_.bytes() >= config_.batch_bytes;
    // Under load the batch fills up; when the topics have run dry there is nothing to wait for.
    if (full || (!more && moved())) flush();
  }
  if (moved()) flush();
  std::vector<kafka::TopicPartition> mine;
  for (const auto& [tp, partition] : partitions_) mine.push_back(tp);
  for (const auto& tp : mine) release(tp);
  consumer_->close();
}

void Worker::obey() {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (const Command& command : commands) {
    if (command.target != nullptr) {
      add(command);
    } else if (partitions_.contains(command.claim.tp)) {
      if (moved()) flush();
      release(command.claim.tp);
    }
  }
}

void Worker::add(const Command& command) {
  const Claim& claim = command.claim;
  if (auto added = consumer_->add({claim.tp, claim.next_offset}); !added) {
    log::error("{}", added.error().message());
    return drop(claim.tp, "the consumer refused it");
  }
  partitions_[claim.tp] = {claim.tp, command.target, claim.epoch, claim.next_offset,
                           claim.next_offset};
  last_partition_ = nullptr;
  log::debug("{} from {} under epoch {}", kafka::to_string(claim.tp), claim.next_offset, claim.epoch);
}

void Worker::release(const kafka::TopicPartition& tp) {
  const auto found = partitions_.find(tp);
  if (found == partitions_.end()) return;
  const int64_t epoch = found->second.epoch;
  drop(tp, "");
  // Only a courtesy: without it the next owner claims it as soon as it sees that we are gone.
  if (connection_ && connection_->connected()) (void)progress_->release(*connection_, tp, epoch);
}

void Worker::drop(const kafka::TopicPartition& tp, const std::string& why) {
  if (!why.empty()) log::warn("{}: given up: {}", kafka::to_string(tp), why);
  if (partitions_.erase(tp) > 0) (void)consumer_->remove(tp);
  last_partition_ = nullptr;
  const std::lock_guard lock(mutex_);
  holds_.erase(tp);
}

bool Worker::collect() {
  polled_.clear();
  consumer_->consume(config_.poll_ms, kPoll, polled_);
  const bool more = polled_.size() == kPoll;
  for (kafka::MessagePtr& message : polled_) accept(std::move(message));
  return more;
}

Worker::Partition* Worker::partition_of_message(const rd_kafka_message_t& message) {
  // Messages come in long stretches of one partition.
  if (last_partition_ != nullptr && last_partition_->tp.partition == message.partition &&
      last_partition_->tp.topic == rd_kafka_topic_name(message.rkt)) {
    return last_partition_;
  }
  const auto found = partitions_.find({rd_kafka_topic_name(message.rkt), message.partition});
  last_partition_ = found == partitions_.end() ? nullptr : &found->second;
  return last_partition_;
}

void Worker::accept(kafka::MessagePtr message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
      message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const std::string place =
        message->rkt == nullptr ? "" : std::string(rd_kafka_topic_name(message->rkt)) + "[" +
                                           std::to_string(message->partition) + "]";
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
      const Partition* partition = message->rkt == nullptr ? nullptr : partition_of_message(*message);
      return give_up({"offset " + std::to_string(partition == nullptr ? -1 : partition->position) +
                          " of sujip.sink_progress is not in the topic",
                      place,
                      "the topic was deleted, truncated or made anew: restore it, or delete this "
                      "sink's rows of sujip.sink_progress to read the topic from its beginning"});
    }
    log::debug("{}: {}", place, rd_kafka_message_errstr(message.get()));
    return;
  }
  Partition* partition = partition_of_message(*message);
  if (partition == nullptr) return;  // taken back while the record was on its way
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // The end counts the control records behind the last row, which never come as messages.
    partition->position = std::max(partition->position, message->offset);
    return;
  }
  if (message->offset < partition->position) return;
  partition->position = message->offset + 1;
  batch_.add(*partition->target, std::move(message));
}

bool Worker::moved() const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [](const auto& p) { return p.second.position != p.second.from; });
}

std::vector<Move> Worker::moves() const {
  std::vector<Move> out;
  for (const auto& [tp, p] : partitions_) {
    if (p.position != p.from) out.push_back({tp, p.epoch, p.from, p.position});
  }
  return out;
}

void Worker::flush() {
  const auto start = Clock::now();
  const std::vector<Move> steps = moves();
  Prepared prepared = preparer_.prepare(batch_, now_ms());
  for (int attempt = 0;; ++attempt) {
    if (!connection_ || !connection_->connected()) {
      if (!connect()) return;
      switch (find_out(steps)) {
        case Truth::committed: return committed(steps);
        case Truth::rewound: return;
        case Truth::not_committed: break;
      }
    }
    FlushResult result = flush_.run(*connection_, steps, batch_, prepared);
    if (result.outcome == Flushed::committed) {
      count(prepared, std::chrono::duration<double>(Clock::now() - start).count());
      if (!told_.empty()) log::info("writing to PostgreSQL again");
      told_.clear();
      return committed(steps);
    }
    if (result.outcome == Flushed::fenced) {
      (void)find_out(steps);
      return;
    }
    for (const auto& [name, rows] : prepared.tables) {
      metrics::counter("sink_batch_failures_total",
                       {{"table", rows.table->name},
                        {"reason", result.outcome == Flushed::poison ? "poison"
                                   : connection_->sqlstate().empty()
                                       ? "connection"
                                       : connection_->sqlstate().substr(0, 2)}})
          .Increment();
    }
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
    if (result.trouble == pg::Trouble::retry && attempt < 3) continue;
    if (!pause(result.error, attempt)) return;
  }
}

void Worker::committed(const std::vector<Move>& done) {
  for (const Move& move : done) {
    if (const auto found = partitions_.find(move.tp); found != partitions_.end()) {
      found->second.from = move.to;
    }
  }
  batch_.clear();
}

Worker::Truth Worker::find_out(const std::vector<Move>& steps) {
  size_t committed_count = 0;
  size_t open = 0;
  std::vector<std::pair<kafka::TopicPartition, std::string>> lost;
  for (;;) {
    committed_count = open = 0;
    lost.clear();
    bool asked = true;
    for (const Move& move : steps) {
      auto row = progress_->one(*connection_, move.tp);
      if (!row) {
        asked = false;
        if (!pause(row.error(), 1)) return Truth::rewound;
        if (!connection_->connected() && !connect()) return Truth::rewound;
        break;
      }
      switch (fate_of(move, *row)) {
        case Fate::committed: ++committed_count; break;
        case Fate::not_committed: ++open; break;
        case Fate::fenced:
          lost.emplace_back(move.tp, "another sink owns it now" +
                                         (*row && (*row)->owner ? ": " + *(*row)->owner : ""));
      }
    }
    if (asked) break;
  }
  if (lost.empty() && open == 0) return Truth::committed;
  if (lost.empty() && committed_count == 0) return Truth::not_committed;
  for (const auto& [tp, why] : lost) drop(tp, why);
  // What was committed before the loss counts; the rest is read again.
  if (committed_count > 0) {
    for (const Move& move : steps) {
      if (const auto found = partitions_.find(move.tp); found != partitions_.end()) {
        found->second.from = move.to;
      }
    }
  }
  rewind();
  return Truth::rewound;
}

void Worker::rewind() {
  batch_.clear();
  for (auto& [tp, partition] : partitions_) {
    (void)consumer_->remove(tp);
    (void)consumer_->add({tp, partition.from});
    partition.position = partition.from;
  }
  last_partition_ = nullptr;
}

bool Worker::connect() {
  for (int attempt = 0; !stopping_; ++attempt) {
    auto opened = pg::Connection::open(config_.pg, session_options(number_));
    if (opened) {
      connection_ = std::move(*opened);
      return true;
    }
    if (!pause(opened.error(), attempt)) return false;
  }
  return false;
}

bool Worker::pause(const Error& error, int attempt) {
  const std::string text = error.message();
  // Once, not at every attempt.
  if (text != told_) log::error("writer {}: {}; trying again until it works", number_, text);
  told_ = text;
  const auto wait = std::min(std::chrono::milliseconds(100LL << std::min(attempt, 6)),
                             std::chrono::milliseconds(5000));
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, wait, [this] { return stopping_.load(); });
  return !stopping_;
}

}  // namespace sujip::sink
