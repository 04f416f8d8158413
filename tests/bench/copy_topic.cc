// The floor of any exactly-once processor: every record of a topic into another one, in transactions,
// with the offsets. The same consumer, producer and settings as a lane; nothing else is done.
//
//   copy_topic BOOTSTRAP FROM TO GROUP      prints one JSON line

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <map>

#include "core/kafka/consumer.h"
#include "core/kafka/producer.h"

namespace sujip {
namespace {

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; }

Status copy(const std::string& bootstrap, const std::string& from, const std::string& to, const std::string& group) {
  const auto began = std::chrono::steady_clock::now();
  kafka::ProducerConfig producer_config;
  producer_config.bootstrap = bootstrap;
  producer_config.transactional_id = group;
  SUJIP_TRY(const auto producer, kafka::Producer::create(producer_config));
  if (const auto error = producer->init_transactions(30000); error) return Error{error.text, bootstrap, ""};
  kafka::ConsumerConfig config;
  config.bootstrap = bootstrap;
  config.group = group;
  config.partition_eof = true;
  SUJIP_TRY(const auto consumer, kafka::Consumer::create(config));
  size_t partitions = 0;
  SUJIP_CHECK_OK(consumer->subscribe({from}, {[&](const auto& assigned) {
                                                partitions = assigned.size();
                                                std::vector<kafka::Position> out;
                                                for (const auto& tp : assigned)
                                                  out.push_back({tp, RD_KAFKA_OFFSET_BEGINNING});
                                                return out;
                                              },
                                              [](const auto&, bool) {}}));
  rd_kafka_topic_t* target = producer->topic(to);
  std::map<int32_t, int64_t> next;
  std::vector<kafka::MessagePtr> batch;
  int64_t records = 0;
  size_t ended = 0;
  bool open = false;
  auto begun = began;
  while (partitions == 0 || ended < partitions) {
    batch.clear();
    consumer->consume(20, 5000, batch);
    for (const auto& m : batch) {
      if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ended;
      if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      if (!open) {
        if (const auto error = producer->begin_transaction(); error) return Error{error.text, "begin", ""};
        open = true;
        begun = std::chrono::steady_clock::now();
      }
      SUJIP_CHECK_OK(producer->produce(target, m->partition, kafka::key_of(*m), kafka::value_of(*m)));
      next[m->partition] = m->offset + 1;
      ++records;
    }
    if (!open || (std::chrono::steady_clock::now() - begun < std::chrono::seconds(1) && ended < partitions)) continue;
    std::vector<kafka::Position> offsets;
    for (const auto& [partition, offset] : next) offsets.push_back({{from, partition}, offset});
    if (const auto error = producer->send_offsets(kafka::to_list(offsets).get(), consumer->membership().get(), 30000);
        error)
      return Error{error.text, "offsets", ""};
    if (const auto error = producer->commit_transaction(-1); error) return Error{error.text, "commit", ""};
    open = false;
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const double cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
  const auto n = static_cast<double>(records);
  fmt::print(R"({{"records":{},"wall_s":{:.2f},"events_per_s":{:.0f},"app_cpu_s":{:.2f},"cpu_per_million":{:.2f}}})"
             "\n",
             records, wall, n / wall, cpu, cpu / n * 1e6);
  return {};
}

}  // namespace
}  // namespace sujip

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: copy_topic BOOTSTRAP FROM TO GROUP\n");
    return 2;
  }
  const auto status = sujip::copy(argv[1], argv[2], argv[3], argv[4]);
  if (status.ok()) return 0;
  fmt::print(stderr, "copy_topic: {}\n", status.error().message());
  return 1;
}
