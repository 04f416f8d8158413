#pragma once
// Reads a range of one input partition again.

#include "processors/runtime/lane.h"

namespace sujip {

class Lane::PartitionLog : public InputLog {
 public:
  PartitionLog(std::string bootstrap, kafka::TopicPartition input)
      : bootstrap_(std::move(bootstrap)), input_(std::move(input)) {}
  Status read(int64_t first, int64_t last, const std::function<void(const Record&)>& f) override;

 private:
  std::string bootstrap_;
  kafka::TopicPartition input_;
  std::unique_ptr<kafka::Consumer> consumer_;
};

}  // namespace sujip
