#include "sinks/postgres/dead_letters.h"

#include <map>
#include <optional>
#include <utility>

#include "core/log.h"
#include "core/metrics.h"
#include "core/murmur2.h"
#include "sinks/postgres/tables.h"
#include "sinks/postgres/write_rows.h"
#include "topics/catalogue.h"
#include "topics/messages.h"

namespace sujip::sink {
namespace {

constexpr size_t kPreview = 500;
constexpr int kFlushMs = 10000;

std::string_view bytes_of(const void* data, size_t size) {
  return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
}

// A row may be bad twice (for its table and for the price history): the first reason counts.
std::map<uint32_t, std::string> reasons(const std::vector<BadRow>& bad) {
  std::map<uint32_t, std::string> out;
  for (const BadRow& row : bad) out.emplace(row.message, row.reason);
  return out;
}

// The dataset after "change." or "rollup."; nothing else is a dataset's topic here.
std::string dataset_of(std::string_view topic) {
  for (const std::string_view kind : {"change.", "rollup."}) {
    if (const size_t at = topic.rfind(kind); at != std::string_view::npos) {
      return std::string(topic.substr(at + kind.size()));
    }
  }
  return "";
}

}  // namespace

DeadLetters::DeadLetters(std::string bootstrap, topics::Names names)
    : bootstrap_(std::move(bootstrap)), names_(std::move(names)) {}

std::string DeadLetters::topic_of(const rd_kafka_message_t& message) const {
  std::string topic = rd_kafka_topic_name(message.rkt);
  // Topics of a mapping stand outside of the installation and have no prefix.
  return topic.starts_with(names_.prefix()) ? topic.substr(names_.prefix().size()) : topic;
}

std::string DeadLetters::place_of(const rd_kafka_message_t& message) {
  return std::string(rd_kafka_topic_name(message.rkt)) + "[" + std::to_string(message.partition) + "]@" +
         std::to_string(message.offset);
}

Status DeadLetters::keep(pg::Connection& connection, const Batch& batch, const std::vector<BadRow>& bad) {
  const TimeMs now = now_ms();
  SUJIP_CHECK_OK(produce(batch, bad, now));
  Table table = dead_letter_table();
  table.schema = names_.schema();
  Rows rows(table.columns.size());
  const std::string time = utc_text(now);
  std::vector<uint32_t> which;
  for (const auto& [index, reason] : reasons(bad)) {
    const rd_kafka_message_t& message = batch.message(index);
    const std::string topic = topic_of(message);
    const std::string partition = std::to_string(message.partition);
    const std::string offset = std::to_string(message.offset);
    const std::string dataset = dataset_of(topic);
    const std::string why = preview(reason, 1000);
    const std::string shown = preview(bytes_of(message.payload, message.len), kPreview);
    std::vector<Cell> cells = {{topic, false}, {partition, false}, {offset, false}, {dataset, false}, {"", true},
                               {"", true},     {"sink", false},    {why, false},    {shown, false},   {time, false}};
    which.push_back(static_cast<uint32_t>(rows.size()));
    rows.add(cells, {index});
    metrics::counter("dead_letters_total", {{"topic", topic}, {"reason", "sink"}}).Increment();
    log::warn("{}: can't be stored, kept as dead letter: {}", place_of(message), why);
  }
  return write_some_upserts(connection, table, rows, which);
}

Status DeadLetters::produce(const Batch& batch, const std::vector<BadRow>& bad, TimeMs now) {
  const std::lock_guard lock(mutex_);
  if (!producer_) {
    kafka::ProducerConfig config;
    config.bootstrap = bootstrap_;
    config.client_id = "sujip-sink";
    config.prefix = names_.prefix();
    config.linger_ms = 5;
    SUJIP_TRY(producer_, kafka::Producer::create(config));
  }
  rd_kafka_topic_t* topic = producer_->topic(names_.topic(topics::kDeadLetter));
  for (const auto& [index, reason] : reasons(bad)) {
    const rd_kafka_message_t& message = batch.message(index);
    DeadLetter letter;
    letter.topic = topic_of(message);
    letter.partition = message.partition;
    letter.offset = message.offset;
    letter.dataset = dataset_of(letter.topic);
    letter.stage = "sink";
    letter.reason = preview(reason, 1000);
    letter.key = bytes_of(message.key, message.key_len);
    letter.value = bytes_of(message.payload, message.len);
    letter.ts_ms = now;
    const std::string key = letter.record_key();
    SUJIP_CHECK_OK(producer_->produce(topic, partition_of(key, topics::kPartitions), key, encode(letter)));
  }
  if (auto sent = producer_->flush(kFlushMs); !sent) {
    producer_.reset();
    return sent;
  }
  return {};
}

}  // namespace sujip::sink
