#include "sinks/postgres/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/metrics.h"

namespace sujip::sink {
namespace {

constexpr size_t kPoll = 4000;  // most records of one poll

}  // namespace

Worker::Worker(int number, WorkerConfig config, const Progress& progress, DeadLetters& dead)
    : number_(number),
      config_(std::move(config)),
      progress_(&progress),
      writer_(number, config_.pg, progress, dead),
      preparer_(config_.live) {}

Worker::~Worker() {
  stop();
  join();
}

void Worker::start() {
  writer_.start();
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  writer_.hurry();
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
  config.queue_kbytes = config_.queue_kbytes;
  config.fetch_wait_ms = kafka::kIdleFetchMs;
  config.partition_eof = true;
  // Answers below the size from which the allocator gives memory back at once: fetching larger ones
  // would cost more for fresh pages than for the records.
  config.extra = {{"fetch.max.bytes", "4194304"}, {"fetch.message.max.bytes", "1048576"}};
  auto consumer = kafka::Consumer::create(config);
  if (!consumer) return give_up(consumer.error());
  consumer_ = std::move(*consumer);
  while (!stopping_) {
    settle(false);
    obey();
    if (partitions_.empty()) {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::milliseconds(200), [this] { return stopping_ || !commands_.empty(); });
      continue;
    }
    const bool more = collect();
    if (stopping_) break;
    const Batch& batch = open_->batch;
    const bool full = batch.size() >= config_.batch_rows || batch.bytes() >= config_.batch_bytes;
    // Under load the batch fills up; when the topics have run dry there is nothing to wait for but
    // the writer.
    if (full || (!more && gathered() && writer_.idle())) ship();
  }
  ship();
  settle(true);
  std::vector<kafka::TopicPartition> mine;
  for (const auto& [tp, partition] : partitions_) mine.push_back(tp);
  for (const auto& tp : mine) release(tp);
  writer_.stop();
  open_->batch.clear();
  spare_->batch.clear();
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
      ship();
      settle(true);
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
  partitions_[claim.tp] = {claim.tp,          command.target,    claim.epoch,
                           claim.next_offset, claim.next_offset, claim.next_offset};
  last_partition_ = nullptr;
  log::debug("{} from {} under epoch {}", kafka::to_string(claim.tp), claim.next_offset, claim.epoch);
}

void Worker::release(const kafka::TopicPartition& tp) {
  const auto found = partitions_.find(tp);
  if (found == partitions_.end()) return;
  const int64_t epoch = found->second.epoch;
  drop(tp, "");
  // Only a courtesy: without a session, the sink's own says it a moment later, and when we are gone
  // nobody needs to.
  if (pg::Connection* session = writer_.session()) (void)progress_->release(*session, tp, epoch);
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
  const size_t most = std::min(kPoll, config_.batch_rows);
  consumer_->consume(config_.poll_ms, most, polled_);
  const bool more = polled_.size() == most;
  for (kafka::MessagePtr& message : polled_) accept(std::move(message));
  return more;
}

Worker::Partition* Worker::partition_of_message(const rd_kafka_message_t& message) {
  // Messages come in long stretches of one partition.
  if (last_partition_ != nullptr && last_partition_->tp.partition == message.partition && last_topic_ == message.rkt) {
    return last_partition_;
  }
  last_topic_ = message.rkt;
  const auto found = partitions_.find({rd_kafka_topic_name(message.rkt), message.partition});
  last_partition_ = found == partitions_.end() ? nullptr : &found->second;
  return last_partition_;
}

void Worker::accept(kafka::MessagePtr message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const std::string place = message->rkt == nullptr ? ""
                                                      : std::string(rd_kafka_topic_name(message->rkt)) + "[" +
                                                            std::to_string(message->partition) + "]";
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
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
  open_->batch.add(*partition->target, std::move(message));
}

bool Worker::moved() const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [](const auto& p) { return p.second.position != p.second.from; });
}

bool Worker::gathered() {
  if (!moved()) return false;
  if (config_.gather_ms == 0) return true;
  const auto now = std::chrono::steady_clock::now();
  if (!moved_at_) moved_at_ = now;
  return now - *moved_at_ >= std::chrono::milliseconds(config_.gather_ms);
}

std::vector<Move> Worker::moves() const {
  std::vector<Move> out;
  for (const auto& [tp, p] : partitions_) {
    if (p.position != p.from) out.push_back({tp, p.epoch, p.from, p.position});
  }
  return out;
}

void Worker::ship() {
  if (!moved()) return;
  moved_at_.reset();
  open_->moves = moves();
  // Before the writer is asked for: it may still be busy with the one before.
  preparer_.prepare(open_->batch, now_ms(), open_->prepared);
  settle(true);
  if (open_->moves.empty()) return;  // rewound meanwhile
  for (const Move& move : open_->moves) {
    if (const auto found = partitions_.find(move.tp); found != partitions_.end()) {
      found->second.from = move.to;
    }
  }
  writer_.write(std::exchange(open_, std::exchange(spare_, nullptr)));
}

void Worker::settle(bool wait) {
  auto landed = writer_.take(wait);
  if (!landed) return;
  if (landed->committed) {
    for (const Move& move : landed->shipment->moves) {
      if (const auto found = partitions_.find(move.tp); found != partitions_.end()) {
        found->second.committed = move.to;
      }
    }
    count(landed->shipment->prepared, landed->seconds);
  }
  spare_ = std::move(landed->shipment);
  spare_->batch.clear();
  for (const auto& [tp, why] : landed->lost) drop(tp, why);
  // Not committed and nothing lost: we are about to end.
  if (landed->rewind || !landed->committed) rewind();
}

void Worker::rewind() {
  open_->batch.clear();
  open_->moves.clear();
  std::vector<kafka::Position> positions;
  for (auto& [tp, partition] : partitions_) {
    partition.from = partition.position = partition.committed;
    positions.push_back({tp, partition.committed});
  }
  last_partition_ = nullptr;
  // One assignment for all. A partition that we believe to read and the consumer does not would stand
  // still for good, one that it reads from elsewhere would lose rows: then rather start again.
  if (auto assigned = consumer_->assign(positions); !assigned) give_up(assigned.error());
}

}  // namespace sujip::sink
