#pragma once
// A producer: idempotent, or transactional when it has a transactional id. Not thread-safe by
// contract (one owner thread), although librdkafka's own threads send in the background.

#include <optional>
#include <span>
#include <unordered_map>

#include "core/kafka/client.h"
#include "core/kafka/message.h"
#include "core/kafka/record_batch.h"

namespace sujip::kafka {

struct ProducerConfig {
  std::string bootstrap;
  std::string client_id = "sujip";
  std::string transactional_id;  // empty: idempotent only
  int linger_ms = 20;
  int transaction_timeout_ms = 60000;
  std::string prefix;  // left out of the topics' names in metrics
  Config extra;
};

class Producer {
 public:
  static Result<std::unique_ptr<Producer>> create(const ProducerConfig& config);
  ~Producer();

  // A handle for produce(); made early it also looks the topic up before the first record needs it.
  // Valid as long as the producer.
  rd_kafka_topic_t* topic(const std::string& name);

  // Queues one record; waits when the local queue is full. partition >= 0, or RD_KAFKA_PARTITION_UA
  // for librdkafka's default. `value` null (data() == nullptr) is a tombstone. timestamp_ms 0 = now.
  // Errors of delivery show up in flush() or commit().
  Status produce(rd_kafka_topic_t* topic, int32_t partition, std::string_view key,
                 std::optional<std::string_view> value, std::span<const Header> headers = {}, int64_t timestamp_ms = 0);

  // Queues all records of the batch, in order, and empties it. As produce(), without headers.
  Status produce(rd_kafka_topic_t* topic, int32_t partition, RecordBatch& batch);

  // Waits until everything queued is acknowledged. The first delivery error since the last flush.
  Status flush(int timeout_ms);
  // Serves delivery reports without waiting.
  void poll() { rd_kafka_poll(client_.get(), 0); }
  int queued() const { return rd_kafka_outq_len(client_.get()); }
  // Records taken on so far.
  uint64_t produced() const { return produced_; }

  // Transactions, see the table of errors in docs/architecture.md: fatal = make a new producer.
  CallError init_transactions(int timeout_ms);
  CallError begin_transaction();
  // `membership`: from the moment these partitions were assigned, see Consumer::membership().
  CallError send_offsets(const rd_kafka_topic_partition_list_t* offsets,
                         const rd_kafka_consumer_group_metadata_t* membership, int timeout_ms);
  CallError commit_transaction(int timeout_ms);
  CallError abort_transaction(int timeout_ms);

  rd_kafka_t* handle() { return client_.get(); }

 private:
  Producer() = default;
  static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
  // What was taken on for a topic since the last flush.
  struct Pending {
    uint64_t records = 0;
    uint64_t bytes = 0;
  };
  void count(rd_kafka_topic_t* topic, uint64_t records, uint64_t bytes);
  void count_acknowledged();
  std::string label(const std::string& topic) const;

  ClientPtr client_;
  std::unordered_map<std::string, TopicPtr> topics_;
  std::unordered_map<rd_kafka_topic_t*, Pending> pending_;
  std::vector<rd_kafka_message_t> messages_;  // of the batch at hand; kept for its memory
  std::string bootstrap_;
  std::string prefix_;
  std::string delivery_error_;
  uint64_t produced_ = 0;
};

}  // namespace sujip::kafka
