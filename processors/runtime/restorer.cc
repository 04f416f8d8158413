#include "processors/runtime/restorer.h"

#include <fmt/format.h>

#include <charconv>

#include "core/log.h"
#include "processors/runtime/fault_point.h"
#include "processors/runtime/prefetch.h"

namespace sujip {
namespace {

constexpr int kAskMs = 1000;        // one request; short, so that cancel() is
constexpr int kPatienceMs = 60000;  // until a step that does not get on is given up

Error cancelled() { return Error{"cancelled", "reading state back", ""}; }

// What is still to be read back, added up over all lanes of a group.
class Remaining {
 public:
  explicit Remaining(const std::string& store)
      : gauge_(metrics::gauge("state_restore_records_remaining", {{"store", store}})) {}
  ~Remaining() { set(0); }
  Remaining(const Remaining&) = delete;
  void set(int64_t records) {
    gauge_.Increment(static_cast<double>(records - told_));
    told_ = records;
  }

 private:
  prometheus::Gauge& gauge_;
  int64_t told_ = 0;
};

}  // namespace

std::string encode_positions(const StatePositions& positions) {
  std::string out;
  for (const auto& [topic, offset] : positions) out += fmt::format("{} {}\n", topic, offset);
  return out;
}

StatePositions decode_positions(std::string_view text) {
  StatePositions out;
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

// One state topic of one slot.
struct Lane::Restorer::Reading {
  Slot* slot;
  std::string topic;  // without prefix
  kafka::TopicPartition tp;
  int64_t next = 0;  // the offset that is read next
  int64_t end = 0;
  bool open() const { return next < end; }
};

Lane::Restorer::Restorer(const LaneOptions& options, Store& store, kafka::Consumer& group)
    : options_(options), store_(store), group_(group) {}

Lane::Restorer::~Restorer() { cancel(); }

void Lane::Restorer::start(std::vector<Slot*> slots) {
  waiting_ = slots.size();
  if (slots.empty()) return;
  thread_ = std::jthread([this, slots = std::move(slots)](const std::stop_token& stop) { run(stop, slots); });
}

void Lane::Restorer::cancel() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  const std::lock_guard lock(mutex_);
  done_.clear();
  failed_.reset();
  waiting_ = 0;
}

Result<std::vector<Lane::Slot*>> Lane::Restorer::finished() {
  const std::lock_guard lock(mutex_);
  if (failed_) {
    waiting_ = 0;
    return *std::exchange(failed_, std::nullopt);
  }
  waiting_ -= done_.size();
  return std::exchange(done_, {});
}

Status Lane::Restorer::finish(Slot& slot) {
  const int64_t upto = std::max(slot.checkpointed, slot.task->restored_upto());
  if (slot.next_offset < upto) return forgotten(slot, upto);
  const std::lock_guard lock(mutex_);
  done_.push_back(&slot);
  return {};
}

void Lane::Restorer::run(const std::stop_token& stop, const std::vector<Slot*>& slots) {
  Status status;
  try {
    status = restore(stop, slots);
  } catch (const std::exception& e) {
    status = Error{e.what(), "reading state back", ""};
  }
  if (status.ok() || stop.stop_requested()) return;
  const std::lock_guard lock(mutex_);
  failed_ = status.error();
}

Status Lane::Restorer::restore(const std::stop_token& stop, const std::vector<Slot*>& slots) {
  const int64_t started = steady_ms();
  fault_point(options_.group, "restore_begin");
  if (!reader_) {
    kafka::ConsumerConfig config;
    config.bootstrap = options_.bootstrap;
    config.client_id = "sujip-restore";
    config.partition_eof = true;
    config.fetch_wait_ms = 10;
    config.queue_kbytes = 16384;
    SUJIP_TRY(reader_, kafka::Consumer::create(config));
    config.extra = {{"isolation.level", "read_uncommitted"}};
    SUJIP_TRY(all_, kafka::Consumer::create(config));
  }
  SUJIP_CHECK_OK(ask_offsets(stop, slots));
  fault_point(options_.group, "restore_offsets");
  SUJIP_TRY(auto readings, stable_ends(stop, slots));
  fault_point(options_.group, "restore_ends");
  const int64_t asked = steady_ms();
  int64_t records = 0;
  for (const Reading& r : readings)
    if (r.open()) records += r.end - r.next;
  SUJIP_CHECK_OK(read(stop, std::move(readings)));
  fault_point(options_.group, "restore_end");
  metrics::gauge("state_restore_duration_seconds", {{"store", options_.names.label(options_.group)}})
      .Set(static_cast<double>(steady_ms() - started) / 1000);
  log::info("{} lane {}: {} partitions taken over in {} ms, {} of them for {} offsets of state", options_.group,
            options_.instance, slots.size(), steady_ms() - started, steady_ms() - asked, records);
  return {};
}

Status Lane::Restorer::ask_offsets(const std::stop_token& stop, const std::vector<Slot*>& slots) {
  std::vector<kafka::TopicPartition> inputs;
  for (const Slot* slot : slots) inputs.push_back(slot->input);
  const int64_t deadline = steady_ms() + kPatienceMs;
  for (;;) {
    // Waits, too, while a former owner's commit is on its way.
    const auto committed = group_.committed(inputs, kAskMs);
    if (stop.stop_requested()) return cancelled();
    if (committed.ok()) {
      for (size_t i = 0; i < slots.size(); ++i) {
        slots[i]->group_knows = (*committed)[i].offset >= 0;
        slots[i]->next_offset = std::max<int64_t>((*committed)[i].offset, 0);
      }
      return {};
    }
    if (steady_ms() > deadline) return committed.error();
  }
}

Result<std::vector<Lane::Restorer::Reading>> Lane::Restorer::stable_ends(const std::stop_token& stop,
                                                                         const std::vector<Slot*>& slots) {
  std::vector<Reading> readings;
  std::vector<kafka::TopicPartition> topics;
  for (Slot* slot : slots)
    for (const std::string& topic : slot->task->state_topics()) {
      topics.push_back({options_.names.topic(topic), slot->input.partition});
      readings.push_back({slot, topic, topics.back(), 0, 0});
    }
  // Our own transaction was ended by init_transactions. An open one can only be that of a partition's
  // former owner: decided, its markers perhaps not written yet, or of a zombie, and then it runs out.
  const int64_t deadline = steady_ms() + kPatienceMs;
  for (int round = 0;; ++round) {
    Result<std::vector<int64_t>> written = all_->ends(topics, kAskMs);
    if (stop.stop_requested()) return cancelled();
    Result<std::vector<int64_t>> stable = written.ok() ? reader_->ends(topics, kAskMs) : written;
    if (stop.stop_requested()) return cancelled();
    size_t unstable = topics.size();
    if (stable.ok()) {
      unstable = 0;
      while (unstable < topics.size() && (*stable)[unstable] >= (*written)[unstable]) ++unstable;
      for (size_t i = 0; i < readings.size(); ++i) readings[i].end = (*stable)[i];
      if (unstable == topics.size()) break;
    }
    if (steady_ms() > deadline) {
      if (!stable.ok()) return stable.error();
      return Error{"an open transaction does not end", kafka::to_string(topics[unstable]),
                   "is another processor with the same prefix running? docs/operating.md knows another cause"};
    }
    std::vector<kafka::MessagePtr> ignored;
    all_->consume(round < 20 ? 5 : 50, 1, ignored);  // a pause
  }
  for (Slot* slot : slots) {
    const StatePositions positions = decode_positions(slot->store->meta());
    const auto position = [&](const std::string& topic) {
      const auto at = positions.find(topic);
      return at == positions.end() ? 0 : at->second;
    };
    bool ahead = false;
    for (const Reading& r : readings) ahead = ahead || (r.slot == slot && position(r.topic) > r.end);
    if (ahead) {
      log::warn("local state of {} is ahead of Kafka: the topics were deleted or truncated; it is read anew",
                kafka::to_string(slot->input));
      SUJIP_CHECK_OK(slot->store->wipe());
    } else {
      slot->checkpointed = position(kInputPosition);
      // A checkpoint is written after offsets were committed.
      if (!positions.empty() && !slot->group_knows) return forgotten(*slot, slot->checkpointed);
    }
    for (Reading& r : readings)
      if (r.slot == slot && !ahead) r.next = position(r.topic);
  }
  SUJIP_CHECK_OK(find_starts(stop, readings));
  return readings;
}

// To read again what the state holds already would count it twice. A broker that was killed has been seen to forget
// offsets, all or the newest of a group, until it is started again.
Error Lane::Restorer::forgotten(const Slot& slot, int64_t upto) {
  const std::string what =
      slot.group_knows
          ? fmt::format("the group is at offset {} of a partition whose state comes from what is before {}",
                        slot.next_offset, upto)
          : "the group has no offset of a partition that has state";
  return Error{what, kafka::to_string(slot.input),
               "start the broker again; if the group was deleted on purpose, see `sujip reset`"};
}

// What is read from its beginning. The client, asked for RD_KAFKA_OFFSET_BEGINNING, may wait half a second
// before it asks the broker where that is.
Status Lane::Restorer::find_starts(const std::stop_token& stop, std::vector<Reading>& readings) {
  std::vector<kafka::TopicPartition> topics;
  for (const Reading& r : readings)
    if (r.next == 0 && r.open()) topics.push_back(r.tp);
  const int64_t deadline = steady_ms() + kPatienceMs;
  for (;;) {
    const auto starts = reader_->starts(topics, kAskMs);
    if (stop.stop_requested()) return cancelled();
    if (!starts.ok() && steady_ms() < deadline) continue;
    SUJIP_CHECK_OK(starts);
    size_t next = 0;
    for (Reading& r : readings)
      if (r.next == 0 && r.open()) r.next = (*starts)[next++];
    return {};
  }
}

Status Lane::Restorer::read(const std::stop_token& stop, std::vector<Reading> readings) {
  struct Progress {
    std::vector<const Reading*> readings;
    size_t open = 0;
  };
  std::map<Slot*, Progress> slots;
  std::map<std::string, Reading*> open;  // by "topic/partition"
  std::vector<kafka::Position> from;
  for (Reading& r : readings) {
    Progress& progress = slots[r.slot];
    progress.readings.push_back(&r);
    if (!r.open()) continue;
    ++progress.open;
    open[kafka::to_string(r.tp)] = &r;
    from.push_back({r.tp, r.next});
  }
  for (auto& [slot, progress] : slots)
    if (progress.open == 0) SUJIP_CHECK_OK(finish(*slot));
  if (open.empty()) return {};
  Remaining remaining(options_.names.label(options_.group));
  SUJIP_CHECK_OK(reader_->assign(from));
  std::vector<kafka::MessagePtr> batch;
  int64_t heard = steady_ms();
  // Messages of a partition mostly come together: then its name need not be made again.
  const rd_kafka_topic_t* last_topic = nullptr;
  int32_t last_partition = -1;
  auto at = open.end();
  while (!open.empty()) {
    batch.clear();
    reader_->consume(10, 5000, batch);
    if (stop.stop_requested()) return cancelled();
    if (!batch.empty()) heard = steady_ms();
    if (steady_ms() - heard > kPatienceMs)
      return Error{"reading state back: nothing comes", "Kafka at " + options_.bootstrap, ""};
    for (size_t i = 0; i < batch.size(); ++i) {
      prefetch(batch, i);
      const kafka::MessagePtr& message = batch[i];
      if (message->rkt == nullptr) continue;
      if (message->rkt != last_topic || message->partition != last_partition) {
        last_topic = message->rkt;
        last_partition = message->partition;
        at = open.find(fmt::format("{}/{}", rd_kafka_topic_name(last_topic), last_partition));
      }
      if (at == open.end()) continue;
      const std::string& name = at->first;
      Reading& r = *at->second;
      if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        // The state is older than what the topic still holds.
        SUJIP_CHECK_OK(r.slot->store->wipe());
        return Error{"local state is too old for its topic; it is read anew", name, ""};
      }
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset < r.end) {
        const std::optional<std::string_view> value =
            kafka::is_tombstone(*message) ? std::nullopt : std::optional(kafka::value_of(*message));
        if (const Status s = r.slot->task->restore(r.topic, kafka::key_of(*message), value); !s.ok())
          return Error{s.error().message(), fmt::format("{} offset {}", name, message->offset),
                       "the topic holds what this version does not understand"};
        r.next = message->offset + 1;
        fault_point(options_.group, "restore_record");
        if (message->offset + 1 < r.end) continue;
      } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        log::debug("{}: {}", name, rd_kafka_err2str(message->err));  // the client tries again
        continue;
      } else if (message->offset < r.end) {
        continue;  // an earlier end
      }
      r.next = r.end;
      open.erase(at);
      at = open.end();
      if (--slots[r.slot].open > 0) continue;
      SUJIP_CHECK_OK(finish(*r.slot));
    }
    int64_t left = 0;
    for (const auto& [name, r] : open) left += r->end - r->next;
    remaining.set(left);
    const size_t share = options_.checkpoint_bytes / slots.size();
    for (auto& [slot, progress] : slots) {
      if (progress.open == 0) continue;
      const size_t dirty = slot->store->dirty_bytes();
      if (dirty > share || (dirty > share / 4 && slot->store->over_budget())) {
        SUJIP_CHECK_OK(save(*slot, progress.readings));
      } else {
        slot->store->release_memory();
      }
    }
  }
  return reader_->assign({});
}

Status Lane::Restorer::save(Slot& slot, const std::vector<const Reading*>& readings) {
  StatePositions positions;
  for (const Reading* r : readings) positions[r->topic] = r->next;
  positions[kInputPosition] = std::max(slot.checkpointed, slot.task->restored_upto());
  Store::Checkpoint file(store_);
  slot.store->write(file, encode_positions(positions));
  SUJIP_CHECK_OK(file.ingest());
  slot.store->written();
  slot.store->release_memory();
  return {};
}

}  // namespace sujip
