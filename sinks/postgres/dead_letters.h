#pragma once
// Records that can't be stored: a row of sujip.dead_letter in the flush's own transaction, and the bytes
// in the topic dead.letter, produced before the commit. A flush that is repeated produces the record
// again; its key is the same.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/kafka/producer.h"
#include "core/postgres/connection.h"
#include "sinks/postgres/prepare.h"
#include "topics/generation.h"

namespace sujip::sink {

class DeadLetters {
 public:
  // names: of the generation; letters name topics without them, as those of the
  // processors do. The producer is made at the first need.
  DeadLetters(std::string bootstrap, topics::Names names);

  Status keep(pg::Connection& connection, const Batch& batch, const std::vector<BadRow>& bad);

  // "topic[partition]@offset"
  static std::string place_of(const rd_kafka_message_t& message);

 private:
  std::string topic_of(const rd_kafka_message_t& message) const;
  Status produce(const Batch& batch, const std::vector<BadRow>& bad, TimeMs now);

  std::string bootstrap_;
  topics::Names names_;
  std::mutex mutex_;  // writers share the producer
  std::unique_ptr<kafka::Producer> producer_;
};

}  // namespace sujip::sink
