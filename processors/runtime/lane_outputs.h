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
  LaneOutputs(kafka::Producer& producer, std::string prefix, int32_t partitions);

  void emit(std::string_view topic, int32_t partition, std::string_view key,
            std::optional<std::string_view> value) override;
  void emit_control(std::string_view topic, int32_t partition, const Scope& scope, const RunId& run,
                    RecordKind kind, std::string_view value) override;
  void dead_letter(const Record& record, std::string_view dataset, std::string_view scope,
                   std::string_view run, std::string_view reason) override;

  void set_input(const kafka::TopicPartition* input) { input_ = input; }
  int64_t emitted() const { return emitted_; }
  // The first produce() that failed; success otherwise.
  const Status& status() const { return status_; }

 private:
  rd_kafka_topic_t* handle(std::string_view topic);

  kafka::Producer& producer_;
  std::string prefix_;
  int32_t partitions_;
  using Handles = std::map<std::string, rd_kafka_topic_t*, std::less<>>;
  Handles handles_;
  Handles::iterator last_ = handles_.end();
  const kafka::TopicPartition* input_ = nullptr;
  int64_t emitted_ = 0;
  Status status_;
};

}  // namespace sujip
