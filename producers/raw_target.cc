#include "producers/raw_target.h"

#include "core/kafka/admin.h"
#include "topics/catalogue.h"

namespace sujip {

Result<RawTarget> RawTarget::open(const Settings& settings) {
  RawTarget self;
  self.prefix_ = settings.prefix;
  SUJIP_TRY(const auto admin, kafka::Admin::create(settings.kafka));
  SUJIP_TRY(self.topics_, admin->topics());
  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-collect";
  config.prefix = settings.prefix;
  // Raw records are kept for ever and read again at each replay: small matters more than fast.
  config.extra = {{"compression.type", "zstd"}, {"compression.level", "1"}};
  SUJIP_TRY(self.producer_, kafka::Producer::create(config));
  return self;
}

Result<int32_t> RawTarget::partitions(const std::string& topic) const {
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return Error{"no such topic", topic, "run `sujip topics apply`"};
  return at->second;
}

Result<feeds::FeedTarget> RawTarget::of(const Dataset& dataset) {
  feeds::FeedTarget target;
  target.producer = producer_.get();
  const std::string raw = prefix_ + dataset.raw_topic;
  const std::string log = prefix_ + std::string(topics::kRunLog);
  SUJIP_TRY(target.raw_partitions, partitions(raw));
  SUJIP_TRY(target.run_log_partitions, partitions(log));
  target.raw = producer_->topic(raw);
  target.run_log = producer_->topic(log);
  return target;
}

}  // namespace sujip
