#include "core/kafka/producer.h"

#include <array>
#include <chrono>
#include <utility>

#include "core/log.h"
#include "core/metrics.h"

namespace sujip::kafka {
namespace {

Error refused(rd_kafka_topic_t* topic, int32_t partition, rd_kafka_resp_err_t code) {
  return Error{std::string("producing: ") + rd_kafka_err2str(code),
               std::string(rd_kafka_topic_name(topic)) + "/" + std::to_string(partition),
               code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ? "run `sujip topics apply`" : ""};
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::create(const ProducerConfig& config) {
  Config base = {
      {"bootstrap.servers", config.bootstrap},
      {"client.id", config.client_id},
      {"enable.idempotence", "true"},
      {"compression.type", "lz4"},
      {"linger.ms", std::to_string(config.linger_ms)},
      {"batch.size", "1000000"},
      {"batch.num.messages", "10000"},
      {"queue.buffering.max.messages", "1000000"},
      {"queue.buffering.max.kbytes", "32768"},
      {"socket.nagle.disable", "true"},
      {"retry.backoff.ms", "10"},
      {"delivery.report.only.error", "true"},
  };
  if (!config.transactional_id.empty()) {
    base.emplace_back("transactional.id", config.transactional_id);
    base.emplace_back("transaction.timeout.ms", std::to_string(config.transaction_timeout_ms));
  }
  SUJIP_TRY(rd_kafka_conf_t * conf, make_conf(base, config.extra));
  std::unique_ptr<Producer> self(new Producer);
  self->bootstrap_ = config.bootstrap;
  self->prefix_ = config.prefix;
  rd_kafka_conf_set_opaque(conf, self.get());
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  std::array<char, 512> reason{};
  self->client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size()));
  if (!self->client_) {
    rd_kafka_conf_destroy(conf);
    return broker_error(config.bootstrap, std::string("making a producer: ") + reason.data());
  }
  return self;
}

Producer::~Producer() {
  if (!client_) return;
  // What was not flushed is not waited for: whoever cares has called flush() or commit().
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  topics_.clear();
}

void Producer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  auto* self = static_cast<Producer*>(opaque);
  metrics::counter("producer_failures_total", {{"topic", self->label(rd_kafka_topic_name(message->rkt))}}).Increment();
  if (!self->delivery_error_.empty()) return;
  self->delivery_error_ = std::string(rd_kafka_topic_name(message->rkt)) + "/" + std::to_string(message->partition) +
                          ": " + rd_kafka_err2str(message->err);
}

rd_kafka_topic_t* Producer::topic(const std::string& name) {
  auto& handle = topics_[name];
  if (!handle) handle.reset(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  return handle.get();
}

void Producer::count(rd_kafka_topic_t* topic, uint64_t records, uint64_t bytes) {
  produced_ += records;
  Pending& pending = pending_[topic];
  pending.records += records;
  pending.bytes += bytes;
}

void Producer::count_acknowledged() {
  for (auto& [topic, pending] : pending_) {
    if (pending.records == 0) continue;
    const metrics::Labels labels = {{"topic", label(rd_kafka_topic_name(topic))}};
    metrics::counter("producer_records_total", labels).Increment(static_cast<double>(pending.records));
    metrics::counter("producer_bytes_total", labels).Increment(static_cast<double>(pending.bytes));
    pending = {};
  }
}

std::string Producer::label(const std::string& topic) const {
  return topic.starts_with(prefix_) ? topic.substr(prefix_.size()) : topic;
}

Status Producer::produce(rd_kafka_topic_t* topic, int32_t partition, std::string_view key,
                         std::optional<std::string_view> value, std::span<const Header> headers, int64_t timestamp_ms) {
  // librdkafka reads through the pointer only; its signature predates const.
  void* const payload = value ? const_cast<char*>(value->data()) : nullptr;
  const size_t payload_size = value ? value->size() : 0;
  for (;;) {
    rd_kafka_headers_t* list = nullptr;
    if (!headers.empty()) {
      list = rd_kafka_headers_new(headers.size());
      for (const Header& h : headers)
        rd_kafka_header_add(list, h.name.data(), static_cast<ssize_t>(h.name.size()), h.value.data(),
                            static_cast<ssize_t>(h.value.size()));
    }
    // The macros of producev cast the C way.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        client_.get(), RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_VALUE(payload, payload_size),
        RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
#pragma GCC diagnostic pop
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      count(topic, 1, payload_size);
      return {};
    }
    if (list != nullptr) rd_kafka_headers_destroy(list);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client_.get(), 50);
      continue;
    }
    return refused(topic, partition, code);
  }
}

Status Producer::produce(rd_kafka_topic_t* topic, int32_t partition, RecordBatch& batch) {
  messages_.clear();
  // librdkafka reads through the pointers only.
  char* at = const_cast<char*>(batch.bytes().data());
  for (const RecordBatch::Record& r : batch.records()) {
    rd_kafka_message_t m{};
    m.key = at;
    m.key_len = r.key_size;
    at += r.key_size;
    m.payload = r.tombstone ? nullptr : at;
    m.len = r.value_size;
    at += r.value_size;
    messages_.push_back(m);
  }
  const size_t size = messages_.size();
  for (size_t done = 0; done < size;) {
    rd_kafka_produce_batch(topic, partition, RD_KAFKA_MSG_F_COPY, messages_.data() + done,
                           static_cast<int>(size - done));
    // From the first that was not taken on, none was.
    const size_t from = done;
    uint64_t bytes = 0;
    for (; done < size && messages_[done].err == RD_KAFKA_RESP_ERR_NO_ERROR; ++done) bytes += messages_[done].len;
    count(topic, done - from, bytes);
    if (done == size) break;
    if (messages_[done].err != RD_KAFKA_RESP_ERR__QUEUE_FULL) return refused(topic, partition, messages_[done].err);
    rd_kafka_poll(client_.get(), 50);
  }
  batch.clear();
  return {};
}

Status Producer::flush(int timeout_ms) {
  // Nothing wakes a waiting flush when only errors are reported: it looks every 10 ms, and a millisecond here.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    code = rd_kafka_flush(client_.get(), 1);
  } while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && std::chrono::steady_clock::now() < deadline);
  if (!delivery_error_.empty())
    return Error{"delivering: " + std::exchange(delivery_error_, {}), "Kafka at " + bootstrap_, ""};
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, "records not acknowledged in time: " + std::to_string(queued()) + " left");
  count_acknowledged();
  return {};
}

CallError Producer::init_transactions(int timeout_ms) {
  for (;;) {
    CallError error = CallError::take(rd_kafka_init_transactions(client_.get(), timeout_ms));
    if (!error.retriable) return error;
    log::debug("init_transactions: {}, again", error.text);
    timeout_ms -= 1000;
    if (timeout_ms <= 0) return error;
  }
}

CallError Producer::begin_transaction() { return CallError::take(rd_kafka_begin_transaction(client_.get())); }

CallError Producer::send_offsets(const rd_kafka_topic_partition_list_t* offsets,
                                 const rd_kafka_consumer_group_metadata_t* membership, int timeout_ms) {
  return CallError::take(rd_kafka_send_offsets_to_transaction(client_.get(), offsets, membership, timeout_ms));
}

CallError Producer::commit_transaction(int timeout_ms) {
  return CallError::take(rd_kafka_commit_transaction(client_.get(), timeout_ms));
}

CallError Producer::abort_transaction(int timeout_ms) {
  return CallError::take(rd_kafka_abort_transaction(client_.get(), timeout_ms));
}

}  // namespace sujip::kafka
