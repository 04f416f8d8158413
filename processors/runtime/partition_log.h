#pragma once
// Reads ranges of a lane's input partitions again.
//
// One client for all partitions of a lane: a connection and what it knows of the topics are there when they are
// needed, which is when a lane has just started and everybody waits for it.

#include <set>

#include "processors/runtime/lane.h"

namespace sujip {

class Lane::LogReader {
 public:
  explicit LogReader(std::string bootstrap) : bootstrap_(std::move(bootstrap)) {}
  // See InputLog. On the lane's thread.
  Status read(const kafka::TopicPartition& input, int64_t first, int64_t last,
              const std::function<void(const Record&)>& f);

 private:
  Status prepare(const kafka::TopicPartition& input);

  std::string bootstrap_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::set<std::string> known_;  // partitions whose leader the client knows
};

class Lane::PartitionLog : public InputLog {
 public:
  PartitionLog(LogReader& reader, kafka::TopicPartition input) : reader_(reader), input_(std::move(input)) {}
  Status read(int64_t first, int64_t last, const std::function<void(const Record&)>& f) override {
    return reader_.read(input_, first, last, f);
  }

 private:
  LogReader& reader_;
  kafka::TopicPartition input_;
};

}  // namespace sujip
