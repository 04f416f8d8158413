#include "processors/runtime/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/log.h"
#include "core/metrics.h"
#include "core/stop_signal.h"
#include "processors/runtime/commit_phases.h"
#include "processors/runtime/fault_point.h"
#include "processors/runtime/lane_outputs.h"
#include "processors/runtime/partition_log.h"
#include "processors/runtime/prefetch.h"
#include "processors/runtime/restorer.h"
#include "processors/runtime/slot.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

constexpr int kInitTimeoutMs = 30000;
constexpr int kReportEveryMs = 5000;
constexpr int kLongestTransactionMs = 120000;
constexpr int kBackoffMs = 200;
constexpr int kLongestBackoffMs = 5000;
constexpr int64_t kTellAgainMs = 60000;    // a problem that stays
constexpr int kSessionsOutside = 6;        // without partitions, until the broker is asked why
constexpr int64_t kFencedAgainMs = 60000;  // so soon again, it was another process
constexpr int kIdleWaitMs = 50;
constexpr int kBusyWaitMs = 10;
constexpr size_t kBatch = 2000;
// A lane that is behind commits less often: a commit costs the same for few records and for many,
// and what is combined per commit is combined better.
constexpr int kBacklogCommitMs = 1000;
constexpr int kBusyCommitMs = 150;  // just behind: what comes in bursts is combined, too
constexpr int64_t kSlowCommitMs = 200;

Error call_failed(const kafka::CallError& error, std::string_view what) {
  if (error.code == RD_KAFKA_RESP_ERR__FENCED) metrics::counter("producer_fenced_total").Increment();
  return Error{fmt::format("{}: {}", what, error.text), "Kafka transaction", ""};
}

}  // namespace

Lane::Lane(LaneOptions options, Store& store, TaskFactory factory)
    : options_(std::move(options)),
      store_(store),
      factory_(std::move(factory)),
      log_reader_(std::make_unique<LogReader>(options_.bootstrap)) {}

Lane::~Lane() {
  // Closing calls revoked(), which needs everything else.
  stopping_ = true;
  if (restorer_) restorer_->cancel();
  if (consumer_) consumer_->close();
  slots_.clear();
  report_state();
}

// ---- life -------------------------------------------------------------------------------------

Status Lane::run(std::stop_token stop) {
  // The group is joined in the background meanwhile; it is answered in consume() only.
  SUJIP_CHECK_OK(start_consumer());
  SUJIP_CHECK_OK(start_producer());

  int backoff_ms = kBackoffMs;
  std::string told;
  int64_t told_at = 0;
  checkpointed_at_ = steady_ms();
  std::vector<kafka::MessagePtr> batch;
  while (!stop.stop_requested()) {
    batch.clear();
    if (options_.beat) options_.beat->round();
    if (consumer_->is_fenced()) {
      SUJIP_CHECK_OK(rejoin());
    } else if (is_outside()) {
      SUJIP_CHECK_OK(renew_consumer("the group does not know it, and the client does not join"));
    }
    read(stop, batch);
    if (!fatal_.what.empty()) return fatal_;
    const Status status = turn(batch);
    if (!fatal_.what.empty()) return fatal_;
    if (status.ok()) {
      // A recovery that ends in the same problem again is no end of it.
      if (!broken_ && !restorer_->busy()) {
        backoff_ms = kBackoffMs;
        told.clear();
      }
      continue;
    }
    if (const std::string problem = status.error().message();
        problem != told || steady_ms() - told_at >= kTellAgainMs) {
      log::warn("{} lane {}: {}; recovering", options_.group, options_.instance, problem);
      told = problem;
      told_at = steady_ms();
    }
    give_up("error");
    pause_for(stop, std::chrono::milliseconds(backoff_ms));
    backoff_ms = std::min(backoff_ms * 2, kLongestBackoffMs);
  }
  stopping_ = true;
  restorer_->cancel();
  fault_point(options_.group, "stop_begin");
  if (!broken_)
    if (const Status s = finish(); !s.ok()) log::warn("last commit: {}", s.error().message());
  fault_point(options_.group, "stop_end");
  consumer_->close();
  return {};
}

void Lane::read(std::stop_token stop, std::vector<kafka::MessagePtr>& batch) {
  int idle_ms = restorer_->busy() ? kBusyWaitMs : kIdleWaitMs;
  if (open_)
    idle_ms = static_cast<int>(std::clamp<int64_t>(begun_at_ + commit_interval(false) - steady_ms(), 0, kBusyWaitMs));
  if (!options_.pace) return consumer_->consume_ready(idle_ms, kBatch, batch);
  const size_t granted = options_.pace->grant(kBatch);
  if (granted == 0) pause_for(stop, std::chrono::milliseconds(idle_ms));
  // One at least: it is in there that a rebalance is answered.
  consumer_->consume_ready(granted == 0 ? 0 : idle_ms, std::max<size_t>(granted, 1), batch);
  if (batch.size() < granted) options_.pace->put_back(granted - batch.size());
}

Status Lane::turn(std::vector<kafka::MessagePtr>& batch) try {
  metrics::mute_counters(options_.live && !options_.live->any());
  if (broken_) return recover();
  SUJIP_CHECK_OK(handle(batch));
  SUJIP_CHECK_OK(take_restored());
  if (!open_ || steady_ms() - begun_at_ >= commit_interval(batch.size() == kBatch) ||
      uncommitted_ >= options_.commit_records)
    SUJIP_CHECK_OK(commit(checkpoint_is_due()));
  if (steady_ms() - reported_at_ >= kReportEveryMs) report();
  return {};
} catch (const std::exception& e) {
  // A task or the store met a broken environment (a log that cannot be read, a full disk).
  return Error{e.what(), options_.group, ""};
}

int64_t Lane::commit_interval(bool behind) {
  const int64_t now = steady_ms();
  if (behind) behind_at_ = now;
  const int64_t least = behind ? kBacklogCommitMs
                        : now - behind_at_ < kBacklogCommitMs
                            ? kBusyCommitMs
                            // No more of the time goes into commits than lies between them.
                            : std::min<int64_t>(commit_took_ms_, kSlowCommitMs);
  return std::max<int64_t>(options_.commit_interval_ms, least);
}

// All that is processed becomes committed and part of a checkpoint.
Status Lane::finish() try { return commit(true); } catch (const std::exception& e) {
  return Error{e.what(), options_.group, ""};
}

Status Lane::start_consumer() {
  const std::string group = options_.names.group(options_.group);
  kafka::ConsumerConfig config;
  config.bootstrap = options_.bootstrap;
  config.client_id = group + "-" + options_.instance;
  config.group = group;
  config.group_instance_id = group + "-" + options_.instance;
  config.session_timeout_ms = options_.session_timeout_ms;
  config.queue_kbytes = 8192;
  config.fetch_wait_ms = kafka::kIdleFetchMs;
  SUJIP_TRY(consumer_, kafka::Consumer::create(config));
  restorer_ = std::make_unique<Restorer>(options_, store_, *consumer_);
  std::vector<std::string> inputs;
  for (const std::string& topic : options_.inputs) inputs.push_back(topic_name(topic));
  return consumer_->subscribe(inputs, {[this](const auto& partitions) {
                                         assigned(partitions);
                                         // Nothing is fetched before its state is there.
                                         return std::vector<kafka::Position>();
                                       },
                                       [this](const auto&, bool lost) { revoked(lost); }});
}

// A client may stop trying to join its group, and never say so: seen with librdkafka 2.0.2 when a broker had lost its
// coordinator for a while. Lanes without partitions are rare, so the broker is asked once a minute.
bool Lane::is_outside() {
  const int64_t now = steady_ms();
  if (!slots_.empty() || broken_) {
    without_since_ = 0;
    return false;
  }
  if (without_since_ == 0) without_since_ = now;
  if (now - without_since_ < options_.session_timeout_ms * kSessionsOutside) return false;
  without_since_ = now;
  return consumer_->is_member(kAskTimeoutMs) == false;
}

// A broker that comes back, and a client that joins again for that, can fence each other; then joining once more is the
// end of it. Another process of the same name joins again as we do, and fences us again.
Status Lane::rejoin() {
  const int64_t now = steady_ms();
  if (fenced_at_ && now - *fenced_at_ < kFencedAgainMs)
    return Error{"another process has the same name", options_.group + "-" + options_.instance,
                 "give each process its own SUJIP_INSTANCE"};
  fenced_at_ = now;
  revoked(true);
  return renew_consumer("its place in the group was taken");
}

Status Lane::renew_consumer(const char* why) {
  log::warn("{} lane {}: {}: a new one", options_.group, options_.instance, why);
  restorer_.reset();
  membership_.reset();
  consumer_->abandon();
  consumer_.reset();
  return start_consumer();
}

Status Lane::start_producer() {
  outputs_.reset();
  producer_.reset();
  open_ = false;
  kafka::ProducerConfig config;
  config.bootstrap = options_.bootstrap;
  config.transactional_id = options_.names.group(options_.group) + "-" + options_.instance;
  config.client_id = config.transactional_id;
  config.prefix = options_.names.prefix();
  config.transaction_timeout_ms = options_.transaction_timeout_ms;
  // Full batches go at once and a commit sends the rest: waiting costs no latency and saves
  // requests.
  config.linger_ms = 200;
  SUJIP_TRY(producer_, kafka::Producer::create(config));
  outputs_ = std::make_unique<LaneOutputs>(*producer_, options_.names, topics::kPartitions, options_.live);
  // Looks the topics up now: a topic first named in produce() waits for a one second timer.
  for (const std::string_view topic : {topics::kDeltaRollup, topics::kScopeTally, topics::kDeadLetter, topics::kRunLog})
    producer_->topic(topic_name(std::string(topic)));
  fault_point(options_.group, "before_init");
  if (const auto error = producer_->init_transactions(kInitTimeoutMs); error)
    return call_failed(error, "starting transactions as " + config.transactional_id);
  fault_point(options_.group, "after_init");
  return {};
}

void Lane::give_up(const char* reason) {
  metrics::counter("transactions_aborted_total", {{"reason", reason}}).Increment();
  // A transaction that was too large for its time would be so again.
  if (open_ && steady_ms() - begun_at_ > options_.transaction_timeout_ms * 8LL / 10)
    options_.transaction_timeout_ms = std::min(options_.transaction_timeout_ms * 2, kLongestTransactionMs);
  broken_ = true;
  open_ = false;
  uncommitted_ = 0;
}

// Rule: whatever happened, the group's offsets and the state topics tell the truth.
Status Lane::recover() {
  fault_point(options_.group, "recover_begin");
  restorer_->cancel();
  if (!slots_.empty()) SUJIP_CHECK_OK(consumer_->assign({}));
  SUJIP_CHECK_OK(start_producer());
  broken_ = false;
  std::vector<kafka::TopicPartition> inputs;
  for (const auto& [name, slot] : slots_) inputs.push_back(slot->input);
  make_slots(inputs);
  restore();
  fault_point(options_.group, "recover_end");
  log::info("{} lane {}: recovered, {} partitions", options_.group, options_.instance, inputs.size());
  return {};
}

// ---- partitions come and go -------------------------------------------------------------------

void Lane::assigned(const std::vector<kafka::TopicPartition>& partitions) {
  fault_point(options_.group, "assigned");
  metrics::counter("consumer_rebalances_total").Increment();
  membership_ = consumer_->membership();
  make_slots(partitions);
  // Otherwise recover() does it, behind the end of our own transaction.
  if (!broken_) restore();
}

void Lane::make_slots(const std::vector<kafka::TopicPartition>& partitions) {
  slots_.clear();
  for (const kafka::TopicPartition& tp : partitions) {
    auto slot = std::make_unique<Slot>();
    slot->input = tp;
    const std::string name = kafka::to_string(tp);
    slot->store = std::make_unique<TaskStore>(&store_, options_.group + ":" + name, options_.memory);
    slot->log = std::make_unique<PartitionLog>(*log_reader_, tp);
    const kafka::TopicPartition plain{options_.names.plain(tp.topic), tp.partition};
    slot->task = factory_(plain, *slot->store, *slot->log);
    slots_[name] = std::move(slot);
  }
}

void Lane::restore() {
  std::vector<Slot*> slots;
  for (auto& [name, slot] : slots_) slots.push_back(slot.get());
  restorer_->start(std::move(slots));
}

Status Lane::take_restored() {
  if (!restorer_->busy()) return {};
  SUJIP_TRY(const std::vector<Slot*> fresh, restorer_->finished());
  if (fresh.empty()) return {};
  for (Slot* slot : fresh) slot->restored = true;
  std::vector<kafka::Position> positions;
  for (const auto& [name, slot] : slots_)
    if (slot->restored) positions.push_back({slot->input, slot->next_offset});
  fault_point(options_.group, "restored");
  return consumer_->assign(positions);
}

void Lane::revoked(bool lost) {
  fault_point(options_.group, lost ? "lost" : "revoke_begin");
  metrics::counter("consumer_rebalances_total").Increment();
  restorer_->cancel();
  if (!lost && !broken_ && !stopping_) {
    if (const Status status = finish(); !status.ok()) {
      log::warn("{} lane {}: giving partitions away: {}", options_.group, options_.instance, status.error().message());
      give_up("revoked");
    }
  } else if (open_) {
    give_up("lost");
  }
  slots_.clear();
  membership_.reset();
  fault_point(options_.group, "revoke_end");
}

// ---- records ----------------------------------------------------------------------------------

Status Lane::handle(std::vector<kafka::MessagePtr>& batch) {
  std::string name;
  const rd_kafka_topic_t* last_topic = nullptr;
  int32_t last_partition = -1;
  Slot* slot = nullptr;
  for (size_t i = 0; i < batch.size(); ++i) {
    const kafka::MessagePtr& message = batch[i];
    prefetch(batch, i);
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
      fatal_ =
          Error{"the committed offset is not in the topic any more: data was deleted or truncated",
                message->rkt != nullptr ? fmt::format("{}/{}", rd_kafka_topic_name(message->rkt), message->partition)
                                        : options_.group,
                "nothing was skipped silently; reset the group on purpose to go on"};
      return fatal_;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      log::debug("{}: {}", options_.group, rd_kafka_err2str(message->err));
      continue;
    }
    if (message->rkt != last_topic || message->partition != last_partition) {
      last_topic = message->rkt;
      last_partition = message->partition;
      name = fmt::format("{}/{}", rd_kafka_topic_name(message->rkt), message->partition);
      const auto at = slots_.find(name);
      slot = at == slots_.end() ? nullptr : at->second.get();
    }
    // Not ours any more, or read before a recovery and to come again.
    if (slot == nullptr || !slot->restored || message->offset < slot->next_offset) continue;
    SUJIP_CHECK_OK(process(*slot, *message));
  }
  return {};
}

Status Lane::process(Slot& slot, const rd_kafka_message_t& message) {
  SUJIP_CHECK_OK(begin());
  Record record;
  record.offset = message.offset;
  record.timestamp = kafka::timestamp_of(message);
  record.key = kafka::key_of(message);
  if (!kafka::is_tombstone(message)) record.value = kafka::value_of(message);
  record.origin = &message;
  if (auto meta = parse_raw_headers(message); meta.ok())
    record.meta = *meta;
  else
    record.header_problem = meta.error().message();
  outputs_->set_input(&slot.input);
  slot.task->process(record, *outputs_);
  slot.next_offset = message.offset + 1;
  slot.newest = record.timestamp;
  slot.touched = true;
  ++slot.processed;
  ++uncommitted_;
  fault_point(options_.group, "processed");
  return outputs_->status();
}

Status Lane::begin() {
  if (open_) return {};
  if (const auto error = producer_->begin_transaction(); error) return call_failed(error, "beginning");
  open_ = true;
  begun_at_ = steady_ms();
  return {};
}

Status Lane::commit(bool save) {
  const std::vector<Checkpoint> plan = save ? plan_checkpoint() : std::vector<Checkpoint>();
  if (!open_) {
    if (plan.empty()) return {};
    SUJIP_CHECK_OK(begin());
  }
  fault_point(options_.group, "before_flush");
  std::vector<kafka::Position> offsets;
  for (auto& [name, slot] : slots_) {
    if (!slot->touched) continue;
    outputs_->set_input(&slot->input);
    slot->task->before_commit(*outputs_);
    offsets.push_back({slot->input, slot->next_offset});
  }
  SUJIP_CHECK_OK(outputs_->flush());
  // The offsets prove that the partitions are ours, so those of the checkpoint go along.
  for (const Checkpoint& c : plan)
    if (!c.slot->touched) offsets.push_back({c.slot->input, c.slot->next_offset});
  SUJIP_CHECK_OK(end_transaction(offsets));
  if (!plan.empty()) {
    CommitPhases phases;
    SUJIP_CHECK_OK(write(plan));
    phases.ended("store");
  }
  for (auto& [name, slot] : slots_) {
    slot->touched = false;
    if (slot->restored) slot->store->release_memory();
  }
  count_committed();
  return {};
}

Status Lane::end_transaction(const std::vector<kafka::Position>& offsets) {
  const int64_t at = steady_ms();
  CommitPhases phases;
  fault_point(options_.group, "before_offsets");
  if (const auto error =
          producer_->send_offsets(kafka::to_list(offsets).get(), membership_.get(), options_.transaction_timeout_ms);
      error)
    return call_failed(error, "sending offsets");
  phases.ended("send_offsets");
  SUJIP_CHECK_OK(producer_->flush(options_.transaction_timeout_ms));
  phases.ended("flush");
  fault_point(options_.group, "before_commit");
  kafka::CallError error = producer_->commit_transaction(-1);
  while (error && error.retriable && steady_ms() - at < 2LL * options_.transaction_timeout_ms)
    error = producer_->commit_transaction(-1);
  if (error) return call_failed(error, "committing");
  phases.ended("end");
  fault_point(options_.group, "after_commit");
  metrics::counter("transactions_committed_total").Increment();
  metrics::histogram("transaction_duration_seconds").Observe(static_cast<double>(steady_ms() - begun_at_) / 1000);
  open_ = false;
  uncommitted_ = 0;
  commit_took_ms_ = steady_ms() - at;
  return {};
}

// ---- checkpoints ------------------------------------------------------------------------------

bool Lane::checkpoint_is_due() const {
  size_t dirty_bytes = 0;
  bool dirty = false;
  for (const auto& [name, slot] : slots_) {
    if (!slot->restored || !slot->store->dirty()) continue;
    dirty = true;
    dirty_bytes += slot->store->dirty_bytes();
  }
  return dirty &&
         (steady_ms() - checkpointed_at_ >= options_.checkpoint_interval_ms || dirty_bytes > options_.checkpoint_bytes);
}

std::vector<Lane::Checkpoint> Lane::plan_checkpoint() {
  checkpointed_at_ = steady_ms();
  std::vector<Checkpoint> plan;
  std::vector<kafka::TopicPartition> topics;
  for (auto& [name, slot] : slots_) {
    if (!slot->restored || !(slot->touched || slot->store->dirty())) continue;
    plan.push_back({slot.get(), {}});
    for (const std::string& topic : slot->task->state_topics())
      topics.push_back({topic_name(topic), slot->input.partition});
  }
  const auto ends = consumer_->ends(topics, kAskTimeoutMs);
  if (!ends.ok()) {
    log::debug("{} lane {}: no checkpoint: {}", options_.group, options_.instance, ends.error().message());
    return {};
  }
  size_t next = 0;
  for (Checkpoint& c : plan) {
    for (const std::string& topic : c.slot->task->state_topics()) c.positions[topic] = (*ends)[next++];
    c.positions[kInputPosition] = c.slot->next_offset;
  }
  std::sort(plan.begin(), plan.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.slot->store->task() < b.slot->store->task(); });
  return plan;
}

Status Lane::write(const std::vector<Checkpoint>& plan) {
  Store::Checkpoint file(store_);
  for (const Checkpoint& c : plan) c.slot->store->write(file, encode_positions(c.positions));
  fault_point(options_.group, "before_checkpoint");
  SUJIP_CHECK_OK(file.ingest());
  fault_point(options_.group, "after_checkpoint");
  for (const Checkpoint& c : plan) c.slot->store->written();
  return {};
}

}  // namespace sujip
