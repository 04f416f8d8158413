#include "core/kafka/consumer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "core/log.h"

namespace sujip::kafka {
namespace {

constexpr int kVersionWithQueueBackoff = 0x02020000;
constexpr std::chrono::milliseconds kLooksAfter{1100};
constexpr std::chrono::milliseconds kWakeEvery{25};

std::vector<TopicPartition> from_list(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> out;
  for (int i = 0; i < list.cnt; ++i) out.push_back({list.elems[i].topic, list.elems[i].partition});
  return out;
}

// A topic that was just made, or a broker that just came back: the leader is not known everywhere yet.
bool is_passing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE;
}

// Calls `ask` until its answer is not a passing one, or the time is over.
rd_kafka_resp_err_t ask_again(int timeout_ms, const std::function<rd_kafka_resp_err_t(int)>& ask) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const rd_kafka_resp_err_t code = ask(std::max(1, static_cast<int>(left)));
    if (!is_passing(code) || left < 100) return code;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

ListPtr to_list(const std::vector<Position>& positions) {
  ListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
  for (const Position& p : positions) {
    auto* entry = rd_kafka_topic_partition_list_add(list.get(), p.tp.topic.c_str(), p.tp.partition);
    entry->offset = p.offset;
    if (p.metadata.empty()) continue;
    entry->metadata = std::malloc(p.metadata.size());  // freed with the list
    if (entry->metadata == nullptr) throw std::bad_alloc();
    entry->metadata_size = p.metadata.size();
    std::memcpy(entry->metadata, p.metadata.data(), p.metadata.size());
  }
  return list;
}

Result<std::unique_ptr<Consumer>> Consumer::create(const ConsumerConfig& config) {
  Config base = {
      {"bootstrap.servers", config.bootstrap},
      {"client.id", config.client_id},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"isolation.level", "read_committed"},
      // Data that was deleted or truncated needs a person; starting "somewhere" hides it.
      {"auto.offset.reset", "error"},
      {"fetch.wait.max.ms", std::to_string(config.fetch_wait_ms)},
      {"queued.min.messages", "1000000"},
      {"queued.max.messages.kbytes", std::to_string(config.queue_kbytes)},
      {"fetch.message.max.bytes", "1048576"},
      {"socket.nagle.disable", "true"},
      {"enable.partition.eof", config.partition_eof ? "true" : "false"},
  };
  if (rd_kafka_version() >= kVersionWithQueueBackoff) base.emplace_back("fetch.queue.backoff.ms", "10");
  if (!config.group.empty()) {
    base.emplace_back("group.id", config.group);
    base.emplace_back("session.timeout.ms", std::to_string(config.session_timeout_ms));
    base.emplace_back("heartbeat.interval.ms", "500");
    base.emplace_back("partition.assignment.strategy", "range");
    if (!config.group_instance_id.empty()) base.emplace_back("group.instance.id", config.group_instance_id);
  } else {
    base.emplace_back("group.id", "sujip-unused");  // required by the client, never joined
  }
  SUJIP_TRY(rd_kafka_conf_t * conf, make_conf(base, config.extra));
  std::unique_ptr<Consumer> self(new Consumer);
  self->bootstrap_ = config.bootstrap;
  self->group_ = config.group;
  self->client_id_ = config.client_id;
  rd_kafka_conf_set_opaque(conf, self.get());
  rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
  std::array<char, 512> reason{};
  self->client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason.data(), reason.size()));
  if (!self->client_) {
    rd_kafka_conf_destroy(conf);
    return broker_error(config.bootstrap, std::string("making a consumer: ") + reason.data());
  }
  rd_kafka_poll_set_consumer(self->client_.get());
  self->queue_.reset(rd_kafka_queue_get_consumer(self->client_.get()));
  return self;
}

Consumer::~Consumer() { close(); }

void Consumer::close() {
  if (!client_ || closing_) return;
  closing_ = true;
  queue_.reset();
  rd_kafka_consumer_close(client_.get());
}

void Consumer::abandon() {
  if (!client_ || closing_) return;
  closing_ = true;
  queue_.reset();
  rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

bool Consumer::is_fenced() const {
  return rd_kafka_fatal_error(client_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::optional<bool> Consumer::is_member(int timeout_ms) {
  const rd_kafka_group_list* list = nullptr;
  if (rd_kafka_list_groups(client_.get(), group_.c_str(), &list, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const std::unique_ptr<const rd_kafka_group_list, decltype(&rd_kafka_group_list_destroy)> owner(
      list, rd_kafka_group_list_destroy);
  if (list->group_cnt != 1 || list->groups[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const rd_kafka_group_info& group = list->groups[0];
  if (const std::string_view state = group.state; state != "Stable" && state != "Empty" && state != "Dead") return {};
  return std::any_of(group.members, group.members + group.member_cnt,
                     [&](const rd_kafka_group_member_info& member) { return client_id_ == member.client_id; });
}

void Consumer::on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                            void* opaque) {
  auto* self = static_cast<Consumer*>(opaque);
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self->closing_) {
    const ListPtr start = self->rebalance_.assigned ? to_list(self->rebalance_.assigned(from_list(*list)))
                                                    : ListPtr(rd_kafka_topic_partition_list_copy(list));
    rd_kafka_assign(client, start.get());
    return;
  }
  if (self->rebalance_.revoked) self->rebalance_.revoked(from_list(*list), rd_kafka_assignment_lost(client) != 0);
  rd_kafka_assign(client, nullptr);
}

Status Consumer::subscribe(const std::vector<std::string>& topics, Rebalance rebalance) {
  rebalance_ = std::move(rebalance);
  const ListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t code = rd_kafka_subscribe(client_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, std::string("subscribing: ") + rd_kafka_err2str(code));
  return {};
}

Status Consumer::assign(const std::vector<Position>& positions) {
  const rd_kafka_resp_err_t code = rd_kafka_assign(client_.get(), to_list(positions).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, std::string("assigning: ") + rd_kafka_err2str(code));
  return {};
}

Status Consumer::add(const Position& position) {
  const CallError error = CallError::take(rd_kafka_incremental_assign(client_.get(), to_list({position}).get()));
  if (error) return broker_error(bootstrap_, to_string(position.tp) + ": assigning: " + error.text);
  return {};
}

Status Consumer::remove(const TopicPartition& tp) {
  const CallError error =
      CallError::take(rd_kafka_incremental_unassign(client_.get(), to_list({{tp, RD_KAFKA_OFFSET_INVALID}}).get()));
  if (error) return broker_error(bootstrap_, to_string(tp) + ": unassigning: " + error.text);
  return {};
}

void Consumer::consume(int timeout_ms, size_t max, std::vector<MessagePtr>& out) {
  batch_.resize(max);
  const ssize_t n = rd_kafka_consume_batch_queue(queue_.get(), timeout_ms, batch_.data(), max);
  keep_fetching(static_cast<size_t>(std::max<ssize_t>(n, 0)), max);
  for (ssize_t i = 0; i < n; ++i) out.emplace_back(batch_[static_cast<size_t>(i)]);
}

// A client that has prefetched what it may looks a whole second later whether there is room again. Since librdkafka 2.2
// that can be set; before, whatever is sent to the broker wakes the thread that looks. So somebody who is behind asks
// for an end now and then, and does not wait for the answer.
void Consumer::keep_fetching(size_t taken, size_t max) {
  if (rd_kafka_version() >= kVersionWithQueueBackoff || max == 1) return;
  const auto now = std::chrono::steady_clock::now();
  if (taken == max) {
    was_full_ = now;
    if (const rd_kafka_message_t& last = *batch_[max - 1]; last.rkt != nullptr)
      read_from_ = {rd_kafka_topic_name(last.rkt), last.partition};
  }
  if (read_from_.topic.empty() || now - was_full_ > kLooksAfter || now - woken_ < kWakeEvery) return;
  woken_ = now;
  const ListPtr list = to_list({{read_from_, RD_KAFKA_OFFSET_END}});
  (void)rd_kafka_offsets_for_times(client_.get(), list.get(), 0);
}

void Consumer::consume_ready(int timeout_ms, size_t max, std::vector<MessagePtr>& out) {
  const size_t before = out.size();
  consume(timeout_ms, 1, out);
  if (max > 1 && out.size() > before) consume(0, max - 1, out);
}

Result<std::vector<Position>> Consumer::committed(const std::vector<TopicPartition>& partitions, int timeout_ms) {
  std::vector<Position> positions;
  for (const TopicPartition& tp : partitions) positions.push_back({tp, RD_KAFKA_OFFSET_INVALID});
  const ListPtr list = to_list(positions);
  const rd_kafka_resp_err_t code = rd_kafka_committed(client_.get(), list.get(), timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, std::string("reading committed offsets: ") + rd_kafka_err2str(code));
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return broker_error(bootstrap_,
                          std::string("reading committed offsets: ") + rd_kafka_err2str(list->elems[i].err));
    positions[static_cast<size_t>(i)] = {
        {list->elems[i].topic, list->elems[i].partition},
        list->elems[i].offset,
        {static_cast<const char*>(list->elems[i].metadata), list->elems[i].metadata_size}};
  }
  return positions;
}

Result<Watermarks> Consumer::watermarks(const TopicPartition& tp, int timeout_ms) {
  Watermarks marks;
  const rd_kafka_resp_err_t code = ask_again(timeout_ms, [&](int left_ms) {
    return rd_kafka_query_watermark_offsets(client_.get(), tp.topic.c_str(), tp.partition, &marks.low, &marks.high,
                                            left_ms);
  });
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, to_string(tp) + ": reading watermarks: " + rd_kafka_err2str(code));
  return marks;
}

Result<std::vector<int64_t>> Consumer::ends(const std::vector<TopicPartition>& partitions, int timeout_ms) {
  return look_up(partitions, RD_KAFKA_OFFSET_END, timeout_ms);
}

Result<std::vector<int64_t>> Consumer::starts(const std::vector<TopicPartition>& partitions, int timeout_ms) {
  return look_up(partitions, RD_KAFKA_OFFSET_BEGINNING, timeout_ms);
}

Result<std::vector<int64_t>> Consumer::offsets_at(const std::vector<TopicPartition>& partitions, int64_t time_ms,
                                                  int timeout_ms) {
  SUJIP_TRY(auto out, look_up(partitions, std::max<int64_t>(0, time_ms), timeout_ms));
  SUJIP_TRY(const auto last, ends(partitions, timeout_ms));
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i] < 0) out[i] = last[i];
  return out;
}

// `what`: a time, RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END. An answer below 0 means that there is no record of
// that time.
Result<std::vector<int64_t>> Consumer::look_up(const std::vector<TopicPartition>& partitions, int64_t what,
                                               int timeout_ms) {
  std::vector<int64_t> out;
  if (partitions.empty()) return out;
  std::vector<Position> wanted;
  for (const TopicPartition& tp : partitions) wanted.push_back({tp, what});
  ListPtr list;
  const rd_kafka_resp_err_t code = ask_again(timeout_ms, [&](int left_ms) {
    list = to_list(wanted);
    const rd_kafka_resp_err_t whole = rd_kafka_offsets_for_times(client_.get(), list.get(), left_ms);
    for (int i = 0; whole == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; ++i)
      if (is_passing(list->elems[i].err)) return list->elems[i].err;
    return whole;
  });
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return broker_error(bootstrap_, std::string("asking for offsets of partitions: ") + rd_kafka_err2str(code));
  for (const TopicPartition& tp : partitions) {
    const auto* found = rd_kafka_topic_partition_list_find(list.get(), tp.topic.c_str(), tp.partition);
    if (found == nullptr || found->err != RD_KAFKA_RESP_ERR_NO_ERROR || (what < 0 && found->offset < 0))
      return broker_error(bootstrap_, to_string(tp) + ": asking for its offsets: " +
                                          (found == nullptr ? "no answer" : rd_kafka_err2str(found->err)));
    out.push_back(found->offset);
  }
  return out;
}

GroupMetadataPtr no_membership(const std::string& group) {
  return GroupMetadataPtr(rd_kafka_consumer_group_metadata_new(group.c_str()));
}

GroupMetadataPtr Consumer::membership() { return GroupMetadataPtr(rd_kafka_consumer_group_metadata(client_.get())); }

}  // namespace sujip::kafka
