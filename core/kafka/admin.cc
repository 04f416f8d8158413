#include "core/kafka/admin.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <thread>

#include "core/kafka/consumer.h"

namespace sujip::kafka {
namespace {

using QueuePtr = std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)>;
using EventPtr = std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)>;
using AdminOptionsPtr = std::unique_ptr<rd_kafka_AdminOptions_t, void (*)(rd_kafka_AdminOptions_t*)>;

QueuePtr make_queue(rd_kafka_t* client) { return {rd_kafka_queue_new(client), rd_kafka_queue_destroy}; }

AdminOptionsPtr make_options(rd_kafka_t* client, rd_kafka_admin_op_t op, int timeout_ms) {
  AdminOptionsPtr options{rd_kafka_AdminOptions_new(client, op), rd_kafka_AdminOptions_destroy};
  std::array<char, 256> reason{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, reason.data(), reason.size());
  if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_DELETETOPICS)
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout_ms, reason.data(), reason.size());
  return options;
}

// The answer of one admin call, or why there is none.
Result<EventPtr> answer(rd_kafka_queue_t* queue, const std::string& bootstrap, int timeout_ms) {
  EventPtr event{rd_kafka_queue_poll(queue, timeout_ms + 1000), rd_kafka_event_destroy};
  if (!event) return broker_error(bootstrap, "no answer in time");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap, rd_kafka_event_error_string(event.get()));
  return event;
}

Status check_topics(const rd_kafka_topic_result_t** results, size_t n, rd_kafka_resp_err_t fine, const char* what) {
  for (size_t i = 0; i < n; ++i) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == fine) continue;
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    return Error{std::string(what) + ": " + (text != nullptr ? text : rd_kafka_err2str(code)),
                 rd_kafka_topic_result_name(results[i]), ""};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Admin>> Admin::create(const std::string& bootstrap) {
  SUJIP_TRY(rd_kafka_conf_t * conf, make_conf({{"bootstrap.servers", bootstrap},
                                               {"client.id", "sujip-admin"},
                                               {"group.id", "sujip-unused"},
                                               {"isolation.level", "read_committed"}},
                                              {}));
  std::unique_ptr<Admin> self(new Admin);
  self->bootstrap_ = bootstrap;
  std::array<char, 512> reason{};
  self->client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason.data(), reason.size()));
  if (!self->client_) {
    rd_kafka_conf_destroy(conf);
    return broker_error(bootstrap, reason.data());
  }
  return self;
}

Result<MetadataPtr> Admin::metadata(int timeout_ms) {
  const rd_kafka_metadata_t* found = nullptr;
  const auto code = rd_kafka_metadata(client_.get(), 1, nullptr, &found, timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, std::string("listing topics: ") + rd_kafka_err2str(code));
  return MetadataPtr(found, rd_kafka_metadata_destroy);
}

Result<std::map<std::string, int32_t>> Admin::topics(int timeout_ms) {
  SUJIP_TRY(const MetadataPtr found, metadata(timeout_ms));
  std::map<std::string, int32_t> out;
  for (int i = 0; i < found->topic_cnt; ++i) out[found->topics[i].topic] = found->topics[i].partition_cnt;
  return out;
}

Status Admin::create_topics(const std::vector<TopicSpec>& topics, int replication, int timeout_ms) {
  if (topics.empty()) return {};
  std::vector<rd_kafka_NewTopic_t*> requests;
  std::array<char, 256> reason{};
  for (const TopicSpec& t : topics) {
    auto* request = rd_kafka_NewTopic_new(t.name.c_str(), t.partitions, replication, reason.data(), reason.size());
    for (const auto& [name, value] : t.config) rd_kafka_NewTopic_set_config(request, name.c_str(), value.c_str());
    requests.push_back(request);
  }
  const QueuePtr queue = make_queue(client_.get());
  const auto options = make_options(client_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
  rd_kafka_CreateTopics(client_.get(), requests.data(), requests.size(), options.get(), queue.get());
  rd_kafka_NewTopic_destroy_array(requests.data(), requests.size());
  SUJIP_TRY(const EventPtr event, answer(queue.get(), bootstrap_, timeout_ms));
  size_t n = 0;
  const auto** results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &n);
  SUJIP_CHECK_OK(check_topics(results, n, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "creating the topic"));
  return wait_for_topics(topics, timeout_ms);
}

Status Admin::wait_for_topics(const std::vector<TopicSpec>& topics, int timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::set<std::string_view> missing;
  for (const TopicSpec& t : topics) missing.insert(t.name);
  for (auto pause = std::chrono::milliseconds(5);; pause = std::min(2 * pause, std::chrono::milliseconds(200))) {
    SUJIP_TRY(const MetadataPtr found, metadata(timeout_ms));
    for (int i = 0; i < found->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& topic = found->topics[i];
      const auto led = [](const rd_kafka_metadata_partition_t& p) { return p.leader >= 0; };
      if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0 &&
          std::all_of(topic.partitions, topic.partitions + topic.partition_cnt, led))
        missing.erase(topic.topic);
    }
    if (missing.empty()) return {};
    if (std::chrono::steady_clock::now() > deadline)
      return Error{"the topic was made, but has no leader yet", std::string(*missing.begin()),
                   "look at the log of the brokers, and run the command again"};
    std::this_thread::sleep_for(pause);
  }
}

Status Admin::delete_topics(const std::vector<std::string>& names, int timeout_ms) {
  if (names.empty()) return {};
  std::vector<rd_kafka_DeleteTopic_t*> requests;
  for (const std::string& name : names) requests.push_back(rd_kafka_DeleteTopic_new(name.c_str()));
  const QueuePtr queue = make_queue(client_.get());
  const auto options = make_options(client_.get(), RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms);
  rd_kafka_DeleteTopics(client_.get(), requests.data(), requests.size(), options.get(), queue.get());
  rd_kafka_DeleteTopic_destroy_array(requests.data(), requests.size());
  SUJIP_TRY(const EventPtr event, answer(queue.get(), bootstrap_, timeout_ms));
  size_t n = 0;
  const auto** results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &n);
  return check_topics(results, n, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "deleting the topic");
}

Result<std::map<std::string, std::map<std::string, std::string>>> Admin::configs(const std::vector<std::string>& names,
                                                                                 int timeout_ms) {
  std::map<std::string, std::map<std::string, std::string>> out;
  if (names.empty()) return out;
  std::vector<rd_kafka_ConfigResource_t*> requests;
  for (const std::string& name : names)
    requests.push_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
  const QueuePtr queue = make_queue(client_.get());
  const auto options = make_options(client_.get(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
  rd_kafka_DescribeConfigs(client_.get(), requests.data(), requests.size(), options.get(), queue.get());
  rd_kafka_ConfigResource_destroy_array(requests.data(), requests.size());
  SUJIP_TRY(const EventPtr event, answer(queue.get(), bootstrap_, timeout_ms));
  size_t n = 0;
  const auto** results =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &n);
  for (size_t i = 0; i < n; ++i) {
    size_t entries = 0;
    const auto** list = rd_kafka_ConfigResource_configs(results[i], &entries);
    auto& settings = out[rd_kafka_ConfigResource_name(results[i])];
    for (size_t e = 0; e < entries; ++e) {
      const char* value = rd_kafka_ConfigEntry_value(list[e]);
      if (rd_kafka_ConfigEntry_is_default(list[e]) == 0 && value != nullptr)
        settings[rd_kafka_ConfigEntry_name(list[e])] = value;
    }
  }
  return out;
}

Status Admin::set_configs(const std::vector<TopicSpec>& topics, int timeout_ms) {
  for (const TopicSpec& t : topics) {
    rd_kafka_ConfigResource_t* request = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, t.name.c_str());
    for (const auto& [name, value] : t.config) rd_kafka_ConfigResource_set_config(request, name.c_str(), value.c_str());
    const QueuePtr queue = make_queue(client_.get());
    const auto options = make_options(client_.get(), RD_KAFKA_ADMIN_OP_ALTERCONFIGS, timeout_ms);
    rd_kafka_AlterConfigs(client_.get(), &request, 1, options.get(), queue.get());
    rd_kafka_ConfigResource_destroy(request);
    SUJIP_TRY(const EventPtr event, answer(queue.get(), bootstrap_, timeout_ms));
  }
  return {};
}

Result<std::map<TopicPartition, int64_t>> Admin::group_offsets(const std::string& group,
                                                               const std::vector<TopicPartition>& parts,
                                                               int timeout_ms) {
  // A consumer of that group that never joins can ask for its committed offsets.
  ConsumerConfig config;
  config.bootstrap = bootstrap_;
  config.client_id = "sujip-admin";
  config.group = group;
  SUJIP_TRY(const auto consumer, Consumer::create(config));
  SUJIP_TRY(const auto positions, consumer->committed(parts, timeout_ms));
  std::map<TopicPartition, int64_t> out;
  for (const Position& p : positions)
    if (p.offset >= 0) out[p.tp] = p.offset;
  return out;
}

Result<std::map<std::string, int>> Admin::live_groups(int timeout_ms) {
  const rd_kafka_group_list* list = nullptr;
  const auto code = rd_kafka_list_groups(client_.get(), nullptr, &list, timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (list != nullptr) rd_kafka_group_list_destroy(list);
    return broker_error(bootstrap_, std::string("listing groups: ") + rd_kafka_err2str(code));
  }
  std::map<std::string, int> out;
  for (int i = 0; i < list->group_cnt; ++i)
    if (list->groups[i].member_cnt > 0) out[list->groups[i].group] = list->groups[i].member_cnt;
  rd_kafka_group_list_destroy(list);
  return out;
}

Status Admin::delete_groups(const std::vector<std::string>& groups, int timeout_ms) {
  if (groups.empty()) return {};
  std::vector<rd_kafka_DeleteGroup_t*> requests;
  for (const std::string& group : groups) requests.push_back(rd_kafka_DeleteGroup_new(group.c_str()));
  const QueuePtr queue = make_queue(client_.get());
  const auto options = make_options(client_.get(), RD_KAFKA_ADMIN_OP_DELETEGROUPS, timeout_ms);
  rd_kafka_DeleteGroups(client_.get(), requests.data(), requests.size(), options.get(), queue.get());
  rd_kafka_DeleteGroup_destroy_array(requests.data(), requests.size());
  SUJIP_TRY(const EventPtr event, answer(queue.get(), bootstrap_, timeout_ms));
  size_t n = 0;
  const auto** results = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &n);
  for (size_t i = 0; i < n; ++i) {
    const rd_kafka_error_t* error = rd_kafka_group_result_error(results[i]);
    if (error == nullptr || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) continue;
    return Error{std::string("forgetting the group: ") + rd_kafka_error_string(error),
                 rd_kafka_group_result_name(results[i]), "end the processes that are members of it"};
  }
  return {};
}

Result<std::vector<int64_t>> Admin::end_offsets(const std::string& topic, int32_t partitions, int timeout_ms) {
  std::vector<int64_t> out;
  for (int32_t p = 0; p < partitions; ++p) {
    int64_t low = 0;
    int64_t high = 0;
    const auto code = rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), p, &low, &high, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return broker_error(bootstrap_, topic + "/" + std::to_string(p) + ": reading the end: " + rd_kafka_err2str(code));
    out.push_back(high);
  }
  return out;
}

Result<std::string> Admin::cluster_id(int timeout_ms) {
  char* id = rd_kafka_clusterid(client_.get(), timeout_ms);
  if (id == nullptr) return broker_error(bootstrap_, "no answer");
  std::string out = id;
  rd_kafka_mem_free(client_.get(), id);
  return out;
}

}  // namespace sujip::kafka
