#include "processors/scope_runs.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "core/kafka/admin.h"
#include "core/kafka/consumer.h"
#include "topics/catalogue.h"
#include "topics/generations.h"
#include "topics/raw_writer.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

std::string user_name() {
  const char* name = std::getenv("SUDO_USER");
  if (name == nullptr) name = std::getenv("USER");
  return std::string("user:") + (name != nullptr ? name : std::to_string(getuid()));
}

}  // namespace

namespace {

// Those of one generation, by key.
Result<std::map<std::string, ScopeRun>> runs_of(const Settings& settings, const topics::Names& names) {
  kafka::ConsumerConfig config;
  config.bootstrap = settings.kafka;
  config.partition_eof = true;
  config.fetch_wait_ms = 10;
  SUJIP_TRY(const auto consumer, kafka::Consumer::create(config));
  const std::string topic = names.topic(topics::kScopeRun);
  std::vector<kafka::Position> positions;
  int open = 0;
  for (int32_t p = 0; p < topics::kPartitions; ++p, ++open)
    positions.push_back({{topic, p}, RD_KAFKA_OFFSET_BEGINNING});
  SUJIP_CHECK_OK(consumer->assign(positions));
  std::map<std::string, ScopeRun> last;
  std::vector<kafka::MessagePtr> batch;
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (open > 0) {
    if (Clock::now() > deadline) return kafka::broker_error(settings.kafka, "reading " + topic + ": too slow");
    batch.clear();
    consumer->consume(20, 5000, batch);
    for (const auto& message : batch) {
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        --open;
        continue;
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka::broker_error(settings.kafka, topic + ": " + rd_kafka_err2str(message->err));
      if (kafka::is_tombstone(*message)) continue;
      if (auto run = decode_scope_run(kafka::value_of(*message)); run.ok())
        last[std::string(kafka::key_of(*message))] = *std::move(run);
    }
  }
  return last;
}

}  // namespace

Result<std::vector<ScopeRun>> read_scope_runs(const Settings& settings) {
  const topics::LiveGenerations live = topics::generations_or_first(settings).live;
  std::set<int> numbers;
  for (const auto& [dataset, number] : live) numbers.insert(number);
  std::map<std::string, ScopeRun> all;
  for (const int number : numbers) {
    SUJIP_TRY(auto runs, runs_of(settings, {settings.prefix, number}));
    for (auto& [key, run] : runs)
      if (topics::live_generation(live, run.scope.dataset) == number) all.emplace(key, std::move(run));
  }
  std::vector<ScopeRun> out;
  for (auto& [key, run] : all) out.push_back(std::move(run));
  return out;
}

Result<ScopeRun> decide_held_run(const Settings& settings, const std::string& subject, const std::string& run_id,
                                 Decision decision, const std::string& reason, int timeout_ms) {
  SUJIP_TRY(const auto runs, read_scope_runs(settings));
  const ScopeRun* held = nullptr;
  for (const ScopeRun& r : runs) {
    if (r.scope.subject() != subject || (!run_id.empty() && r.run.str() != run_id)) continue;
    if (r.outcome == Outcome::held) held = &r;
    if (!run_id.empty() && r.outcome != Outcome::held)
      return Error{
          "the run is not held but " + std::string(name_of(r.outcome)) + (r.reason.empty() ? "" : ": " + r.reason),
          subject + " " + run_id, "`sujip scope list` shows the held ones"};
  }
  if (held == nullptr) return Error{"there is no held run", subject, "`sujip scope list` shows the held ones"};

  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  SUJIP_TRY(const auto producer, kafka::Producer::create(config));
  RawRun::Options options;
  options.partition = held->partitions > 1 ? PartitionBy::key : PartitionBy::scope;
  options.topic_partitions = topics::kPartitions;
  RawRun writer(*producer, producer->topic(settings.prefix + held->topic), held->scope, held->run, options);
  SUJIP_CHECK_OK(writer.verdict({held->run, decision, user_name(), reason}));
  SUJIP_CHECK_OK(producer->flush(30000));

  const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (Clock::now() < deadline) {
    SUJIP_TRY(const auto now, read_scope_runs(settings));
    for (const ScopeRun& r : now)
      if (r.key() == held->key() && r.outcome != Outcome::held) return r;
    usleep(100000);
  }
  return Error{"the decision is written, but the processors have not acted on it yet", subject,
               "is `sujip process` running?"};
}

}  // namespace sujip
