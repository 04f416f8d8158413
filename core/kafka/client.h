#pragma once
// Shared pieces of the Kafka clients: configuration, errors, topic-partitions. Thin RAII over
// librdkafka's C API; one alias per C handle.

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sujip::kafka {

using Config = std::vector<std::pair<std::string, std::string>>;  // librdkafka property, value

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};
std::string to_string(const TopicPartition& tp);

// What a transactional or group call said. `retriable`: call again; `abort`: the transaction must be
// aborted; `fatal`: the client must be thrown away. Flags are copied: the C handle is gone.
struct CallError {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string text;
  bool fatal = false;
  bool retriable = false;
  bool abort = false;

  explicit operator bool() const { return code != RD_KAFKA_RESP_ERR_NO_ERROR; }
  // Takes ownership of `error` (may be null).
  static CallError take(rd_kafka_error_t* error);
};

struct ClientDeleter {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
};
struct TopicDeleter {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};
struct ListDeleter {
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
struct GroupMetadataDeleter {
  void operator()(rd_kafka_consumer_group_metadata_t* metadata) const {
    rd_kafka_consumer_group_metadata_destroy(metadata);
  }
};
struct MessageDeleter {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using ClientPtr = std::unique_ptr<rd_kafka_t, ClientDeleter>;
using TopicPtr = std::unique_ptr<rd_kafka_topic_t, TopicDeleter>;
using ListPtr = std::unique_ptr<rd_kafka_topic_partition_list_t, ListDeleter>;
// Group, generation and member at one moment.
using GroupMetadataPtr = std::unique_ptr<rd_kafka_consumer_group_metadata_t, GroupMetadataDeleter>;
using MessagePtr = std::unique_ptr<rd_kafka_message_t, MessageDeleter>;

// A configuration object with `config` applied over `base`; error names the property.
Result<rd_kafka_conf_t*> make_conf(const Config& base, const Config& overrides);

// Sends librdkafka's own log lines to ours (warn and worse), each text at most once a minute.
void log_callback(const rd_kafka_t* client, int level, const char* facility, const char* text);

Error broker_error(const std::string& bootstrap, std::string_view what);

}  // namespace sujip::kafka
