#include "processors/runtime/lane_outputs.h"

#include "core/metrics.h"
#include "core/murmur2.h"
#include "topics/catalogue.h"

namespace sujip {

Lane::LaneOutputs::LaneOutputs(kafka::Producer& producer, std::string prefix, int32_t partitions)
    : producer_(producer), prefix_(std::move(prefix)), partitions_(partitions) {}

rd_kafka_topic_t* Lane::LaneOutputs::handle(std::string_view topic) {
  // Records of one topic mostly come together.
  if (last_ != handles_.end() && last_->first == topic) return last_->second;
  last_ = handles_.find(topic);
  if (last_ == handles_.end())
    last_ = handles_.emplace(std::string(topic), producer_.topic(prefix_ + std::string(topic))).first;
  return last_->second;
}

void Lane::LaneOutputs::emit(std::string_view topic, int32_t partition, std::string_view key,
                             std::optional<std::string_view> value) {
  if (!status_.ok()) return;
  status_ = producer_.produce(handle(topic),
                              partition == kByKey ? partition_of(key, partitions_) : partition, key,
                              value);
  ++emitted_;
}

void Lane::LaneOutputs::emit_control(std::string_view topic, int32_t partition, const Scope& scope,
                                     const RunId& run, RecordKind kind, std::string_view value) {
  if (!status_.ok()) return;
  RawHeaders headers(scope, run);
  status_ = producer_.produce(handle(topic), partition, scope.subject(), value, headers.control(kind));
  ++emitted_;
}

void Lane::LaneOutputs::dead_letter(const Record& record, std::string_view dataset,
                                    std::string_view scope, std::string_view run,
                                    std::string_view reason) {
  DeadLetter letter;
  letter.topic = input_->topic.substr(prefix_.size());
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
      for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                         RD_KAFKA_RESP_ERR_NO_ERROR;
           ++i)
        letter.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
    }
  }
  metrics::counter("dead_letters_total", {{"topic", letter.topic}, {"reason", "process"}}).Increment();
  emit(topics::kDeadLetter, kByKey, letter.record_key(), encode(letter));
}

}  // namespace sujip
