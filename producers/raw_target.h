#pragma once
// The connection of a collector with Kafka: one producer and the topics it writes to.

#include <map>
#include <memory>
#include <string>

#include "core/kafka/producer.h"
#include "core/settings.h"
#include "producers/files/feed_publisher.h"
#include "topics/dataset.h"

namespace sujip {

class RawTarget {
 public:
  static Result<RawTarget> open(const Settings& settings);

  // Where records of this dataset go. The error says what to do when a topic isn't there.
  Result<feeds::FeedTarget> of(const Dataset& dataset);
  kafka::Producer& producer() { return *producer_; }

 private:
  Result<int32_t> partitions(const std::string& topic) const;

  std::string prefix_;
  std::unique_ptr<kafka::Producer> producer_;
  std::map<std::string, int32_t> topics_;
};

}  // namespace sujip
