#pragma once
// A lane's outputs: records of the open transaction.

#include <map>
#include <string>

#include "core/kafka/producer.h"
#include "processors/runtime/lane.h"
#include "topics/messages.h"

namespace sujip {

class Lane::LaneOutputs : public Outputs {
 public:
  // `producer` outlives the object. `stage_input` names the topic being read, for dead letters.
  LaneOutputs(kafka::Producer& producer, topics::Names names, int32_t partitions,
              std::shared_ptr<const topics::Liveness> live);

  void emit(std::string_view topic, int32_t partition, std::string_view key,
            std::optional<std::string_view> value) override;
  void emit_control(std::string_view topic, int32_t partition, const Scope& scope, const RunId& run, RecordKind kind,
                    std::string_view value) override;
  void dead_letter(const Record& record, std::string_view dataset, std::string_view scope, std::string_view run,
                   std::string_view reason) override;

  // Hands what was collected to the producer: before offsets are sent.
  Status flush();
  // The transaction is committed: counts what it held.
  void count_committed();
  void set_input(const kafka::TopicPartition* input) { input_ = input; }
  // The first produce() that failed; success otherwise.
  const Status& status() const { return status_; }

 private:
  // A topic with what was collected for each of its partitions.
  struct Stream {
    rd_kafka_topic_t* topic;
    std::vector<kafka::RecordBatch> partitions;
    int64_t records = 0;  // of the open transaction
  };
  Stream& stream(std::string_view topic);

  kafka::Producer& producer_;
  topics::Names names_;
  int32_t partitions_;
  std::shared_ptr<const topics::Liveness> live_;  // null: of all
  using Streams = std::map<std::string, Stream, std::less<>>;
  Streams streams_;
  Streams::iterator last_ = streams_.end();
  const kafka::TopicPartition* input_ = nullptr;
  Status status_;
};

}  // namespace sujip
