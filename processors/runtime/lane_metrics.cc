// What a lane tells about itself: every few seconds, and at each commit.

#include <algorithm>
#include <utility>

#include "core/metrics.h"
#include "processors/runtime/lane.h"
#include "processors/runtime/lane_outputs.h"
#include "processors/runtime/slot.h"

namespace sujip {

void Lane::report() {
  reported_at_ = steady_ms();
  report_lag();
  report_state();
}

void Lane::report_lag() {
  std::vector<Slot*> slots;
  std::vector<kafka::TopicPartition> inputs;
  for (auto& [name, slot] : slots_) {
    if (!slot->restored) continue;
    slots.push_back(slot.get());
    inputs.push_back(slot->input);
  }
  const auto stable = consumer_->ends(inputs, kAskTimeoutMs);
  if (!stable.ok()) return;
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = *slots[i];
    int64_t low = 0;
    int64_t end = 0;
    rd_kafka_get_watermark_offsets(consumer_->handle(), slot.input.topic.c_str(), slot.input.partition, &low, &end);
    const metrics::Labels labels = {{"topic", options_.names.label(options_.names.plain(slot.input.topic))},
                                    {"partition", std::to_string(slot.input.partition)}};
    const auto set = [&](const char* name, int64_t value) {
      metrics::gauge(name, labels).Set(static_cast<double>(std::max<int64_t>(0, value)));
    };
    // The gap of the last stable offset to the end alone is normal; one that stands still is an
    // open transaction that hangs.
    set("consumer_lag", (*stable)[i] - slot.next_offset);
    set("partition_last_stable_offset", (*stable)[i]);
    set("partition_uncommitted_offsets", end - (*stable)[i]);
    if (slot.newest > 0)
      metrics::gauge("consumer_position_timestamp_seconds", labels).Set(static_cast<double>(slot.newest) / 1000);
  }
}

// Lanes of one group add up; the files are those of the process.
void Lane::report_state() {
  size_t bytes = 0;
  for (const auto& [name, slot] : slots_)
    if (slot->restored) bytes += slot->store->bytes();
  const auto now = static_cast<double>(bytes);
  metrics::gauge("state_cache_bytes", {{"store", options_.names.label(options_.group)}})
      .Increment(now - std::exchange(reported_state_bytes_, now));
  const metrics::Labels files = {{"store", options_.names.label("process")}};
  metrics::gauge("state_bytes", files).Set(static_cast<double>(store_.bytes_on_disk()));
  metrics::gauge("state_keys", files).Set(static_cast<double>(store_.pages_on_disk()));
}

// Asked for anew each time: the counters of a generation are muted until it is the live one.
void Lane::count_committed() {
  for (auto& [name, slot] : slots_)
    if (const int64_t records = std::exchange(slot->processed, 0); records > 0)
      metrics::counter("processor_records_consumed_total",
                       {{"topic", options_.names.label(options_.names.plain(slot->input.topic))}})
          .Increment(static_cast<double>(records));
  outputs_->count_committed();
}

}  // namespace sujip
