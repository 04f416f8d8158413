#pragma once
// Topics: list, create, describe, delete.

#include <map>
#include <optional>
#include <vector>

#include "core/kafka/client.h"

namespace sujip::kafka {

struct TopicSpec {
  std::string name;
  int32_t partitions = 6;
  std::map<std::string, std::string> config;
};

using MetadataPtr = std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)>;

class Admin {
 public:
  static Result<std::unique_ptr<Admin>> create(const std::string& bootstrap);

  // name -> number of partitions, of every topic of the cluster.
  Result<std::map<std::string, int32_t>> topics(int timeout_ms = 10000);
  // Creates, and waits until brokers serve them; a topic that is there already is no error.
  Status create_topics(const std::vector<TopicSpec>& topics, int replication, int timeout_ms = 30000);
  Status delete_topics(const std::vector<std::string>& names, int timeout_ms = 30000);
  // Settings of topics that differ from the broker's defaults or were set.
  Result<std::map<std::string, std::map<std::string, std::string>>> configs(const std::vector<std::string>& names,
                                                                            int timeout_ms = 10000);
  Status set_configs(const std::vector<TopicSpec>& topics, int timeout_ms = 10000);
  // Committed offsets of a group; partitions without one are left out.
  Result<std::map<TopicPartition, int64_t>> group_offsets(const std::string& group,
                                                          const std::vector<TopicPartition>& parts,
                                                          int timeout_ms = 10000);
  // Groups that have members, and how many. A process that ended a moment ago counts until its session is
  // over, when it is to keep its place.
  Result<std::map<std::string, int>> live_groups(int timeout_ms = 10000);
  // Forgets groups and their offsets; one that is not there is no error, one with members is.
  Status delete_groups(const std::vector<std::string>& groups, int timeout_ms = 30000);
  // Last stable offsets (read_committed end) of all partitions of a topic.
  Result<std::vector<int64_t>> end_offsets(const std::string& topic, int32_t partitions, int timeout_ms = 10000);
  Result<std::string> cluster_id(int timeout_ms = 10000);

 private:
  Admin() = default;
  Result<MetadataPtr> metadata(int timeout_ms);
  Status wait_for_topics(const std::vector<TopicSpec>& topics, int timeout_ms);
  ClientPtr client_;
  std::string bootstrap_;
};

}  // namespace sujip::kafka
