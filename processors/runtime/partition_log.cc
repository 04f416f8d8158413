#include "processors/runtime/partition_log.h"

#include <fmt/format.h>

#include <chrono>

namespace sujip {
namespace {

constexpr int kLeaderTimeoutMs = 10000;
constexpr std::chrono::seconds kSilence{30};

}  // namespace

// A partition whose leader the client has to look for first is assigned up to a second later.
Status Lane::LogReader::prepare(const kafka::TopicPartition& input) {
  if (!consumer_) {
    kafka::ConsumerConfig config;
    config.bootstrap = bootstrap_;
    config.client_id = "sujip-read-again";
    config.partition_eof = true;
    config.fetch_wait_ms = 10;
    SUJIP_TRY(consumer_, kafka::Consumer::create(config));
  }
  if (!known_.insert(kafka::to_string(input)).second) return {};
  const auto ends = consumer_->ends({input}, kLeaderTimeoutMs);
  return ends.ok() ? Status() : ends.error();
}

Status Lane::LogReader::read(const kafka::TopicPartition& input, int64_t first, int64_t last,
                             const std::function<void(const Record&)>& f) {
  using Clock = std::chrono::steady_clock;
  if (first > last) return {};
  SUJIP_CHECK_OK(prepare(input));
  SUJIP_CHECK_OK(consumer_->assign({{input, first}}));
  std::vector<kafka::MessagePtr> batch;
  auto heard = Clock::now();
  for (;;) {
    batch.clear();
    consumer_->consume_ready(100, 2000, batch);
    if (!batch.empty()) heard = Clock::now();
    for (const auto& message : batch) {
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || message->offset > last) return consumer_->assign({});
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return Error{fmt::format("reading again: {}", rd_kafka_err2str(message->err)),
                     fmt::format("{} offset {}", kafka::to_string(input), first), ""};
      if (message->offset < first) continue;
      Record record;
      record.offset = message->offset;
      record.timestamp = kafka::timestamp_of(*message);
      record.key = kafka::key_of(*message);
      if (!kafka::is_tombstone(*message)) record.value = kafka::value_of(*message);
      if (auto meta = parse_raw_headers(*message); meta.ok()) record.meta = *meta;
      f(record);
      if (message->offset == last) return consumer_->assign({});
    }
    if (Clock::now() - heard > kSilence) return Error{"reading again: nothing comes", kafka::to_string(input), ""};
  }
}

}  // namespace sujip
