#include "processors/runtime/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "core/log.h"
#include "core/metrics.h"
#include "processors/runtime/fault_point.h"
#include "processors/runtime/lane_outputs.h"
#include "processors/runtime/partition_log.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

constexpr int kCallTimeoutMs = 30000;
constexpr int kLagEveryMs = 5000;
constexpr size_t kBatch = 2000;
// A lane that is behind commits less often: a commit costs the same for few records and for many, and
// what is combined per commit is combined better.
constexpr int kBacklogCommitMs = 1000;

int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Error call_failed(const kafka::CallError& error, std::string_view what) {
  return Error{fmt::format("{}: {}", what, error.text), "Kafka transaction", ""};
}

// Positions of the state topics a checkpoint stands for: "topic offset\n" ...
std::string encode_positions(const std::map<std::string, int64_t>& positions) {
  std::string out;
  for (const auto& [topic, offset] : positions) out += fmt::format("{} {}\n", topic, offset);
  return out;
}

std::map<std::string, int64_t> decode_positions(std::string_view text) {
  std::map<std::string, int64_t> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const size_t space = line.find(' ');
    if (space != std::string_view::npos) {
      int64_t offset = 0;
      std::from_chars(line.data() + space + 1, line.data() + line.size(), offset);
      out[std::string(line.substr(0, space))] = offset;
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

void pause_for(std::stop_token stop, int ms) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, std::chrono::milliseconds(ms),
                                         [] { return false; });
}

}  // namespace

struct Lane::Slot {
  kafka::TopicPartition input;  // with prefix
  std::unique_ptr<TaskStore> store;
  std::unique_ptr<PartitionLog> log;
  std::unique_ptr<Task> task;
  int64_t next_offset = 0;  // of the input
  bool touched = false;     // processed since the last commit
  bool restored = false;
  int64_t processed = 0;    // since the last commit
  prometheus::Counter* consumed = nullptr;
  TimeMs newest = 0;  // time of the last processed record
  void report_lag(kafka::Consumer& consumer, const std::string& topic) const;
};

// The gap of the last stable offset to the end alone is normal; one that stands still is an open
// transaction that hangs.
void Lane::Slot::report_lag(kafka::Consumer& consumer, const std::string& topic) const {
  const auto stable = consumer.watermarks(input, kCallTimeoutMs);
  if (!stable.ok()) return;
  int64_t low = 0;
  int64_t end = 0;
  rd_kafka_get_watermark_offsets(consumer.handle(), input.topic.c_str(), input.partition, &low, &end);
  const metrics::Labels labels = {{"topic", topic}, {"partition", std::to_string(input.partition)}};
  const auto set = [&](const char* name, int64_t value) {
    metrics::gauge(name, labels).Set(static_cast<double>(std::max<int64_t>(0, value)));
  };
  set("consumer_lag", stable->high - next_offset);
  set("partition_last_stable_offset", stable->high);
  set("partition_uncommitted_offsets", end - stable->high);
  if (newest > 0)
    metrics::gauge("consumer_position_timestamp_seconds", labels).Set(static_cast<double>(newest) / 1000);
}

Lane::Lane(LaneOptions options, Store& store, TaskFactory factory)
    : options_(std::move(options)), store_(store), factory_(std::move(factory)) {}

Lane::~Lane() = default;

// ---- life -------------------------------------------------------------------------------------

Status Lane::run(std::stop_token stop) {
  SUJIP_CHECK_OK(start_producer());
  const std::string group = topics::group_of(options_.prefix, options_.group);
  kafka::ConsumerConfig config;
  config.bootstrap = options_.bootstrap;
  config.client_id = group + "-" + options_.instance;
  config.group = group;
  config.group_instance_id = group + "-" + options_.instance;
  config.queue_kbytes = 32768;
  SUJIP_TRY(consumer_, kafka::Consumer::create(config));
  std::vector<std::string> inputs;
  for (const std::string& topic : options_.inputs) inputs.push_back(topic_name(topic));
  SUJIP_CHECK_OK(consumer_->subscribe(
      inputs, {[this](const auto& partitions) { return assigned(partitions); },
               [this](const auto&, bool lost) { revoked(lost); }}));

  int backoff_ms = 200;
  checkpointed_at_ = steady_ms();
  std::vector<kafka::MessagePtr> batch;
  while (!stop.stop_requested()) {
    batch.clear();
    consumer_->consume(open_ ? 10 : 50, kBatch, batch);
    if (!fatal_.what.empty()) return fatal_;
    const Status status = turn(batch);
    if (!fatal_.what.empty()) return fatal_;
    if (status.ok()) {
      backoff_ms = 200;
      continue;
    }
    log::warn("{} lane {}: {}; recovering", options_.group, options_.instance,
              status.error().message());
    give_up("error");
    pause_for(stop, backoff_ms);
    backoff_ms = std::min(backoff_ms * 2, 10000);
  }
  stopping_ = true;
  if (open_ && !broken_)
    if (const Status s = commit(); !s.ok()) log::warn("last commit: {}", s.error().message());
  if (!broken_)
    if (const Status s = checkpoint(true); !s.ok()) log::warn("checkpoint: {}", s.error().message());
  consumer_->close();
  return {};
}

Status Lane::turn(std::vector<kafka::MessagePtr>& batch) try {
  if (broken_) return recover();
  if (restore_needed_) {
    std::vector<Slot*> fresh;
    for (auto& [name, slot] : slots_)
      if (!slot->restored) fresh.push_back(slot.get());
    SUJIP_CHECK_OK(restore(fresh));
    restore_needed_ = false;
  }
  SUJIP_CHECK_OK(handle(batch));
  const int interval = batch.size() < kBatch ? options_.commit_interval_ms
                                             : std::max(options_.commit_interval_ms, kBacklogCommitMs);
  if (open_ && (steady_ms() - begun_at_ >= interval || uncommitted_ >= options_.commit_records))
    SUJIP_CHECK_OK(commit());
  if (steady_ms() - lag_reported_at_ >= kLagEveryMs) {
    lag_reported_at_ = steady_ms();
    for (auto& [name, slot] : slots_)
      slot->report_lag(*consumer_, slot->input.topic.substr(options_.prefix.size()));
  }
  return checkpoint(false);
} catch (const std::exception& e) {
  // A task or the store met a broken environment (a log that cannot be read, a full disk).
  return Error{e.what(), options_.group, ""};
}

Status Lane::start_producer() {
  outputs_.reset();
  producer_.reset();
  open_ = false;
  kafka::ProducerConfig config;
  config.bootstrap = options_.bootstrap;
  config.transactional_id =
      topics::group_of(options_.prefix, options_.group) + "-" + options_.instance;
  config.client_id = config.transactional_id;
  SUJIP_TRY(producer_, kafka::Producer::create(config));
  outputs_ = std::make_unique<LaneOutputs>(*producer_, options_.prefix, topics::kPartitions);
  // Looks the topics up now: a topic first named in produce() waits for a one second timer.
  for (const std::string_view topic :
       {topics::kDeltaRollup, topics::kScopeTally, topics::kDeadLetter, topics::kRunLog})
    producer_->topic(topic_name(std::string(topic)));
  if (const auto error = producer_->init_transactions(kCallTimeoutMs); error)
    return call_failed(error, "starting transactions as " + config.transactional_id);
  return {};
}

void Lane::give_up(const char* reason) {
  metrics::counter("transactions_aborted_total", {{"reason", reason}}).Increment();
  broken_ = true;
  open_ = false;
  uncommitted_ = 0;
}

// Rule: whatever happened, the group's offsets and the state topics tell the truth.
Status Lane::recover() {
  std::vector<kafka::TopicPartition> inputs;
  for (const auto& [name, slot] : slots_) inputs.push_back(slot->input);
  SUJIP_CHECK_OK(start_producer());
  broken_ = false;
  if (inputs.empty()) return {};
  SUJIP_TRY(const std::vector<kafka::Position> positions, make_slots(inputs));
  SUJIP_CHECK_OK(consumer_->assign(positions));
  log::info("{} lane {}: recovered, {} partitions", options_.group, options_.instance, inputs.size());
  return {};
}

// ---- partitions come and go -------------------------------------------------------------------

std::vector<kafka::Position> Lane::assigned(const std::vector<kafka::TopicPartition>& partitions) {
  metrics::counter("consumer_rebalances_total").Increment();
  if (auto positions = make_slots(partitions); positions.ok()) return *std::move(positions);
  // Keeps the partitions in mind; recover() asks again for their offsets.
  log::warn("{} lane {}: the group's offsets are not to be had yet", options_.group, options_.instance);
  broken_ = true;
  std::vector<kafka::Position> nowhere;
  for (const auto& tp : partitions) {
    auto slot = std::make_unique<Slot>();
    slot->input = tp;
    slots_[kafka::to_string(tp)] = std::move(slot);
    nowhere.push_back({tp, RD_KAFKA_OFFSET_END});
  }
  return nowhere;
}

Result<std::vector<kafka::Position>> Lane::make_slots(
    const std::vector<kafka::TopicPartition>& partitions) {
  if (partitions.empty()) return std::vector<kafka::Position>{};
  SUJIP_TRY(auto committed, consumer_->committed(partitions, kCallTimeoutMs));
  for (kafka::Position& p : committed) {
    auto slot = std::make_unique<Slot>();
    slot->input = p.tp;
    slot->next_offset = std::max<int64_t>(p.offset, 0);
    if (p.offset < 0) p.offset = RD_KAFKA_OFFSET_BEGINNING;
    const std::string name = kafka::to_string(p.tp);
    slot->store = std::make_unique<TaskStore>(&store_, options_.group + ":" + name,
                                              options_.memory);
    slot->log = std::make_unique<PartitionLog>(options_.bootstrap, p.tp);
    const kafka::TopicPartition plain{p.tp.topic.substr(options_.prefix.size()), p.tp.partition};
    slot->task = factory_(plain, *slot->store, *slot->log);
    slot->consumed = &metrics::counter("processor_records_consumed_total", {{"topic", plain.topic}});
    slots_[name] = std::move(slot);
  }
  restore_needed_ = true;
  return committed;
}

void Lane::revoked(bool lost) {
  metrics::counter("consumer_rebalances_total").Increment();
  if (!lost && !broken_ && !stopping_) {
    Status status = open_ ? commit() : Status();
    if (status.ok()) status = checkpoint(true);
    if (!status.ok()) {
      log::warn("{} lane {}: giving partitions away: {}", options_.group, options_.instance,
                status.error().message());
      give_up("revoked");
    }
  } else if (open_) {
    give_up("lost");
  }
  slots_.clear();
  restore_needed_ = false;
}

Status Lane::wait_until_stable(kafka::Consumer& reader, const kafka::TopicPartition& tp) {
  // Ours was aborted by init_transactions. An open transaction can only be that of the partition's
  // former owner, whose outcome is decided but may not be written here yet.
  kafka::ConsumerConfig config;
  config.bootstrap = options_.bootstrap;
  config.extra = {{"isolation.level", "read_uncommitted"}};
  std::unique_ptr<kafka::Consumer> raw;
  const int64_t deadline = steady_ms() + 70000;
  for (;;) {
    SUJIP_TRY(const kafka::Watermarks stable, reader.watermarks(tp, kCallTimeoutMs));
    if (!raw) {
      SUJIP_TRY(raw, kafka::Consumer::create(config));
    }
    SUJIP_TRY(const kafka::Watermarks end, raw->watermarks(tp, kCallTimeoutMs));
    if (stable.high >= end.high) return {};
    if (steady_ms() > deadline)
      return Error{"an open transaction does not end", kafka::to_string(tp),
                   "is another processor with the same prefix running?"};
    std::vector<kafka::MessagePtr> ignored;
    raw->consume(20, 1, ignored);
  }
}

Status Lane::restore(std::vector<Slot*> slots) {
  const int64_t started = steady_ms();
  struct Reading {
    Slot* slot;
    std::string topic;  // without prefix
    int64_t end;
  };
  std::map<std::string, Reading> readings;
  std::vector<kafka::Position> from;
  kafka::ConsumerConfig config;
  config.bootstrap = options_.bootstrap;
  config.client_id = "sujip-restore";
  config.partition_eof = true;
  config.fetch_wait_ms = 10;
  SUJIP_TRY(const auto reader, kafka::Consumer::create(config));
  for (Slot* slot : slots) {
    if (!slot->task) return Error{"no offset yet", kafka::to_string(slot->input), ""};
    auto positions = decode_positions(slot->store->meta());
    std::vector<Reading> wanted;
    bool store_is_ahead = false;
    for (const std::string& topic : slot->task->state_topics()) {
      const kafka::TopicPartition tp{topic_name(topic), slot->input.partition};
      SUJIP_CHECK_OK(wait_until_stable(*reader, tp));
      SUJIP_TRY(const kafka::Watermarks marks, reader->watermarks(tp, kCallTimeoutMs));
      store_is_ahead = store_is_ahead || positions[topic] > marks.high;
      wanted.push_back({slot, topic, marks.high});
    }
    if (store_is_ahead) {
      log::warn("local state of {} is ahead of Kafka: the topics were deleted or truncated; it is read anew",
                kafka::to_string(slot->input));
      SUJIP_CHECK_OK(slot->store->wipe());
      positions.clear();
    }
    for (const Reading& r : wanted) {
      const kafka::TopicPartition tp{topic_name(r.topic), slot->input.partition};
      if (positions[r.topic] >= r.end) continue;
      from.push_back({tp, positions[r.topic] > 0 ? positions[r.topic] : RD_KAFKA_OFFSET_BEGINNING});
      readings.emplace(kafka::to_string(tp), r);
    }
  }
  int64_t records = 0;
  if (!from.empty()) {
    SUJIP_CHECK_OK(reader->assign(from));
    std::vector<kafka::MessagePtr> batch;
    int64_t heard = steady_ms();
    while (!readings.empty()) {
      batch.clear();
      reader->consume(20, 5000, batch);
      if (!batch.empty()) heard = steady_ms();
      if (steady_ms() - heard > kCallTimeoutMs)
        return Error{"reading state back: nothing comes", "Kafka at " + options_.bootstrap, ""};
      for (const auto& message : batch) {
        if (message->rkt == nullptr) continue;
        const std::string name = fmt::format("{}/{}", rd_kafka_topic_name(message->rkt), message->partition);
        const auto at = readings.find(name);
        if (at == readings.end()) continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
          if (message->offset >= at->second.end) readings.erase(at);
          continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
          // The state is older than what the topic still holds.
          SUJIP_CHECK_OK(at->second.slot->store->wipe());
          return Error{"local state is too old for its topic; it is read anew", name, ""};
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
          return Error{rd_kafka_err2str(message->err), name, ""};
        Slot& slot = *at->second.slot;
        const std::optional<std::string_view> value =
            kafka::is_tombstone(*message) ? std::nullopt : std::optional(kafka::value_of(*message));
        if (const Status s = slot.task->restore(at->second.topic, kafka::key_of(*message), value); !s.ok())
          return Error{s.error().message(), fmt::format("{} offset {}", name, message->offset),
                       "the topic holds what this version does not understand"};
        ++records;
      }
    }
  }
  for (Slot* slot : slots) slot->restored = true;
  metrics::gauge("state_restore_duration_seconds", {{"store", options_.group}})
      .Set(static_cast<double>(steady_ms() - started) / 1000);
  if (records > 0)
    log::info("{} lane {}: {} partitions, {} records read back in {} ms", options_.group,
              options_.instance, slots.size(), records, steady_ms() - started);
  return {};
}

// ---- records ----------------------------------------------------------------------------------

Status Lane::handle(std::vector<kafka::MessagePtr>& batch) {
  std::string name;
  const rd_kafka_topic_t* last_topic = nullptr;
  int32_t last_partition = -1;
  Slot* slot = nullptr;
  for (const auto& message : batch) {
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
      fatal_ = Error{"the committed offset is not in the topic any more: data was deleted or truncated",
                     message->rkt != nullptr
                         ? fmt::format("{}/{}", rd_kafka_topic_name(message->rkt), message->partition)
                         : options_.group,
                     "nothing was skipped silently; reset the group on purpose to go on"};
      return fatal_;
    }
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
      fatal_ = Error{"another process has the same name", options_.group + "-" + options_.instance,
                     "give each process its own SUJIP_INSTANCE"};
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
  return outputs_->status();
}

Status Lane::begin() {
  if (open_) return {};
  if (const auto error = producer_->begin_transaction(); error)
    return call_failed(error, "beginning");
  open_ = true;
  begun_at_ = steady_ms();
  return {};
}

Status Lane::commit() {
  fault_point("before_flush");
  std::vector<kafka::Position> offsets;
  for (auto& [name, slot] : slots_) {
    if (!slot->touched) continue;
    outputs_->set_input(&slot->input);
    slot->task->before_commit(*outputs_);
    offsets.push_back({slot->input, slot->next_offset});
  }
  SUJIP_CHECK_OK(outputs_->status());
  const int64_t at = steady_ms();
  fault_point("before_offsets");
  if (const auto error = producer_->send_offsets(kafka::to_list(offsets).get(), consumer_->handle(),
                                                 kCallTimeoutMs);
      error)
    return call_failed(error, "sending offsets");
  fault_point("before_commit");
  kafka::CallError error = producer_->commit_transaction(-1);
  while (error && error.retriable && steady_ms() - at < 2 * kCallTimeoutMs)
    error = producer_->commit_transaction(-1);
  if (error) return call_failed(error, "committing");
  fault_point("after_commit");
  metrics::counter("transactions_committed_total").Increment();
  metrics::histogram("transaction_duration_seconds")
      .Observe(static_cast<double>(steady_ms() - begun_at_) / 1000);
  open_ = false;
  uncommitted_ = 0;
  for (auto& [name, slot] : slots_) {
    slot->touched = false;
    slot->store->release_memory();
    slot->consumed->Increment(static_cast<double>(std::exchange(slot->processed, 0)));
  }
  return {};
}

Status Lane::checkpoint(bool force) {
  if (open_) return {};
  size_t dirty_bytes = 0;
  std::vector<Slot*> dirty;
  for (auto& [name, slot] : slots_) {
    if (!slot->store || !slot->restored || !slot->store->dirty()) continue;
    dirty.push_back(slot.get());
    dirty_bytes += slot->store->dirty_bytes();
  }
  const bool due = steady_ms() - checkpointed_at_ >= options_.checkpoint_interval_ms;
  if (dirty.empty() || !(force || due || dirty_bytes > options_.checkpoint_bytes)) return {};
  checkpointed_at_ = steady_ms();
  std::sort(dirty.begin(), dirty.end(),
            [](const Slot* a, const Slot* b) { return a->store->task() < b->store->task(); });
  Store::Checkpoint file(store_);
  for (Slot* slot : dirty) {
    std::map<std::string, int64_t> positions;
    for (const std::string& topic : slot->task->state_topics()) {
      SUJIP_TRY(const auto marks, consumer_->watermarks({topic_name(topic), slot->input.partition},
                                                        kCallTimeoutMs));
      positions[topic] = marks.high;
    }
    slot->store->write(file, encode_positions(positions));
  }
  fault_point("before_checkpoint");
  SUJIP_CHECK_OK(file.ingest());
  fault_point("after_checkpoint");
  for (Slot* slot : dirty) {
    slot->store->written();
    slot->store->release_memory();
  }
  return {};
}

}  // namespace sujip
