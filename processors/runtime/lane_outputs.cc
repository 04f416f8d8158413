#include "processors/runtime/lane_outputs.h"

#include <utility>

#include "core/metrics.h"
#include "core/murmur2.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

// Collected for a partition before it goes to the client: enough to share the cost of the call, and
// still in the processor's cache.
constexpr size_t kBatchBytes = 64 << 10;

}  // namespace

Lane::LaneOutputs::LaneOutputs(kafka::Producer& producer, topics::Names names, int32_t partitions,
                               std::shared_ptr<const topics::Liveness> live)
    : producer_(producer), names_(std::move(names)), partitions_(partitions), live_(std::move(live)) {}

Lane::LaneOutputs::Stream& Lane::LaneOutputs::stream(std::string_view topic) {
  // Records of one topic mostly come together.
  if (last_ != streams_.end() && last_->first == topic) return last_->second;
  last_ = streams_.find(topic);
  if (last_ == streams_.end()) {
    Stream made{producer_.topic(names_.topic(topic)), {}, 0};
    made.partitions.resize(static_cast<size_t>(partitions_));
    last_ = streams_.emplace(std::string(topic), std::move(made)).first;
  }
  return last_->second;
}

void Lane::LaneOutputs::emit(std::string_view topic, int32_t partition, std::string_view key,
                             std::optional<std::string_view> value) {
  if (!status_.ok()) return;
  Stream& to = stream(topic);
  if (partition == kByKey) partition = partition_of(key, partitions_);
  kafka::RecordBatch& batch = to.partitions[static_cast<size_t>(partition)];
  batch.add(key, value);
  ++to.records;
  if (batch.bytes().size() >= kBatchBytes) status_ = producer_.produce(to.topic, partition, batch);
}

Status Lane::LaneOutputs::flush() {
  for (auto& [name, to] : streams_)
    for (int32_t p = 0; p < partitions_ && status_.ok(); ++p)
      if (kafka::RecordBatch& batch = to.partitions[static_cast<size_t>(p)]; !batch.empty())
        status_ = producer_.produce(to.topic, p, batch);
  return status_;
}

void Lane::LaneOutputs::count_committed() {
  for (auto& [name, to] : streams_)
    if (const int64_t records = std::exchange(to.records, 0); records > 0)
      metrics::counter("processor_records_produced_total", {{"topic", names_.label(name)}})
          .Increment(static_cast<double>(records));
}

void Lane::LaneOutputs::emit_control(std::string_view topic, int32_t partition, const Scope& scope, const RunId& run,
                                     RecordKind kind, std::string_view value) {
  if (!status_.ok()) return;
  // The raw topics belong to all generations: only the one that is live says what is to be done.
  if (live_ && !live_->decides(scope.dataset)) return;
  RawHeaders headers(scope, run);
  Stream& to = stream(topic);
  status_ = producer_.produce(to.topic, partition, scope.subject(), value, headers.control(kind));
  ++to.records;
}

void Lane::LaneOutputs::dead_letter(const Record& record, std::string_view dataset, std::string_view scope,
                                    std::string_view run, std::string_view reason) {
  DeadLetter letter;
  letter.topic = names_.plain(input_->topic);
  letter.partition = input_->partition;
  letter.offset = record.offset;
  letter.scope = scope;
  letter.run = run;
  letter.dataset = dataset;
  letter.stage = "process";
  letter.reason = reason;
  letter.key = record.key;
  letter.value = record.value.value_or(std::string_view());
  letter.ts_ms = record.timestamp;
  if (record.origin != nullptr) {
    const auto* message = static_cast<const rd_kafka_message_t*>(record.origin);
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* name = nullptr;
      const void* value = nullptr;
      size_t size = 0;
      for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
        letter.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
    }
  }
  metrics::counter("dead_letters_total", {{"topic", letter.topic}, {"reason", "process"}}).Increment();
  emit(topics::kDeadLetter, kByKey, letter.record_key(), encode(letter));
}

}  // namespace sujip
