#pragma once
// A consumer. Two ways of use: in a group (subscribe, rebalance callbacks) or by assign() without one.
// Reads committed records only. All calls from one thread.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/kafka/client.h"
#include "core/kafka/message.h"

namespace sujip::kafka {

inline constexpr int kIdleFetchMs = 100;

struct ConsumerConfig {
  std::string bootstrap;
  std::string client_id = "sujip";
  std::string group;              // empty: assign() only, no group, nothing committed
  std::string group_instance_id;  // static membership: a restart gets its partitions back at once
  int session_timeout_ms = 10000;
  // The longest that the broker keeps a fetch without an answer. New records are answered at once, but a partition
  // that is added to an idle consumer waits as long: short for readers that come and go. Those that stay would
  // keep the broker busy with empty answers: kIdleFetchMs.
  int fetch_wait_ms = 20;
  int queue_kbytes = 65536;  // prefetch limit
  bool partition_eof = false;
  Config extra;
};

struct Watermarks {
  int64_t low = 0;
  int64_t high = 0;  // the last stable offset
};

struct Position {
  TopicPartition tp;
  int64_t offset = 0;         // RD_KAFKA_OFFSET_BEGINNING, or an offset
  std::string metadata = {};  // a note that is committed with the offset
};

class Consumer {
 public:
  // Called inside consume(), on its thread. `revoked` must finish what is open for these partitions
  // (lost = they already belong to somebody else); `assigned` returns where to start each one.
  struct Rebalance {
    std::function<std::vector<Position>(const std::vector<TopicPartition>&)> assigned;
    std::function<void(const std::vector<TopicPartition>&, bool lost)> revoked;
  };

  static Result<std::unique_ptr<Consumer>> create(const ConsumerConfig& config);
  ~Consumer();

  // Whether the group has a member with this client's id. Nothing without an answer, and while the group takes members
  // in.
  std::optional<bool> is_member(int timeout_ms);
  // Whether another client has joined the group under this one's instance id; it does nothing any more then.
  bool is_fenced() const;
  // Lets the client go as it is, without leaving the group; of the other members only close() may be called then.
  void abandon();

  Status subscribe(const std::vector<std::string>& topics, Rebalance rebalance);
  Status assign(const std::vector<Position>& positions);
  Status add(const Position& position);  // incremental assign
  Status remove(const TopicPartition& tp);

  // Up to `max` messages; waits at most timeout_ms (the whole of it unless `max` are there). Messages
  // with err set (EOF, errors) are handed over too. Appends to `out`.
  void consume(int timeout_ms, size_t max, std::vector<MessagePtr>& out);
  // As consume, but waits for the first message only: what is there then is all.
  void consume_ready(int timeout_ms, size_t max, std::vector<MessagePtr>& out);

  // Stable committed offsets of the group; RD_KAFKA_OFFSET_INVALID where there is none.
  Result<std::vector<Position>> committed(const std::vector<TopicPartition>& partitions, int timeout_ms);
  Result<Watermarks> watermarks(const TopicPartition& tp, int timeout_ms);
  // The ends (last stable offsets, or what is written when reading uncommitted records too) of many
  // partitions in one request, in the order asked for.
  Result<std::vector<int64_t>> ends(const std::vector<TopicPartition>& partitions, int timeout_ms);
  Result<std::vector<int64_t>> starts(const std::vector<TopicPartition>& partitions, int timeout_ms);
  // The first offset of each partition whose record is not older than that; the end where there is none.
  Result<std::vector<int64_t>> offsets_at(const std::vector<TopicPartition>& partitions, int64_t time_ms,
                                          int timeout_ms);
  // Who we are in the group now. Taken when partitions are assigned it proves, in
  // Producer::send_offsets, that they still are ours; taken later it proves nothing.
  GroupMetadataPtr membership();

  // Leaves the group (a static member stays) and closes.
  void close();
  rd_kafka_t* handle() { return client_.get(); }

 private:
  Consumer() = default;
  Result<std::vector<int64_t>> look_up(const std::vector<TopicPartition>& partitions, int64_t what, int timeout_ms);
  void keep_fetching(size_t taken, size_t max);
  static void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void* opaque);

  ClientPtr client_;
  std::unique_ptr<rd_kafka_queue_t, void (*)(rd_kafka_queue_t*)> queue_{nullptr, rd_kafka_queue_destroy};
  std::vector<rd_kafka_message_t*> batch_;
  Rebalance rebalance_;
  std::string bootstrap_;
  std::string group_;
  std::string client_id_;
  // Of whoever is behind; see keep_fetching().
  std::chrono::steady_clock::time_point was_full_{};
  std::chrono::steady_clock::time_point woken_{};
  TopicPartition read_from_;
  bool closing_ = false;
};

// For offsets of a group that has no members, and needs none.
GroupMetadataPtr no_membership(const std::string& group);

ListPtr to_list(const std::vector<Position>& positions);

}  // namespace sujip::kafka
