#include "cli/drain.h"

#include <chrono>

#include "core/kafka/consumer.h"
#include "topics/catalogue.h"
#include "topics/generations.h"

namespace sujip {

Result<Drain> Drain::open(const Settings& settings) {
  Drain self;
  self.settings_ = settings;
  SUJIP_TRY(const Datasets datasets, Datasets::load(settings.share + "/topics/datasets"));
  SUJIP_TRY(self.admin_, kafka::Admin::create(settings.kafka));
  SUJIP_TRY(auto connection, pg::Connection::open(settings.pg));
  self.pg_ = std::make_unique<pg::Connection>(std::move(connection));

  // What readers see; others may be behind.
  SUJIP_TRY(auto generations, topics::read_generations(*self.pg_));
  std::erase_if(generations.all, [](const auto& g) { return g.state != topics::GenerationState::live; });
  self.readers_ = readers(datasets, settings.prefix, generations.all);
  return self;
}

Result<std::vector<std::pair<kafka::TopicPartition, int64_t>>> Drain::positions(const Reader& reader) {
  std::vector<std::pair<kafka::TopicPartition, int64_t>> out;
  std::map<kafka::TopicPartition, int64_t> at;
  std::vector<kafka::TopicPartition> all;
  for (const std::string& topic : reader.topics)
    for (int32_t p = 0; p < topics::kPartitions; ++p) all.push_back({topic, p});
  if (!reader.in_database) {
    SUJIP_TRY(at, admin_->group_offsets(reader.group, all));
  } else {
    SUJIP_TRY(const auto rows,
              pg_->query("select topic, part, next_offset from sujip.sink_progress where sink = $1", reader.group));
    for (int i = 0; i < rows.size(); ++i)
      at[{std::string(rows.text(i, 0)), static_cast<int32_t>(rows.integer(i, 1))}] = rows.integer(i, 2);
  }
  for (const auto& tp : all) {
    const auto found = at.find(tp);
    out.emplace_back(tp, found == at.end() ? 0 : found->second);
  }
  return out;
}

Result<int64_t> Drain::behind(const Reader& reader) {
  SUJIP_TRY(const auto at, positions(reader));
  int64_t sum = 0;
  std::map<std::string, std::vector<int64_t>> ends;
  for (const std::string& topic : reader.topics) {
    SUJIP_TRY(ends[topic], admin_->end_offsets(topic, topics::kPartitions));
  }
  for (const auto& [tp, offset] : at)
    sum += std::max<int64_t>(0, ends[tp.topic][static_cast<size_t>(tp.partition)] - offset);
  return sum;
}

Result<Drain::Lag> Drain::lag() {
  Lag out;
  for (const Reader& reader : readers_) {
    SUJIP_TRY(const int64_t n, behind(reader));
    (reader.in_database ? out.sink : out.process) += n;
  }
  return out;
}

Result<bool> Drain::nothing_behind(const std::vector<std::pair<kafka::TopicPartition, int64_t>>& positions) {
  kafka::ConsumerConfig config;
  config.bootstrap = settings_.kafka;
  config.partition_eof = true;
  config.fetch_wait_ms = 10;
  SUJIP_TRY(const auto reader, kafka::Consumer::create(config));
  std::vector<kafka::Position> from;
  for (const auto& [tp, offset] : positions) from.push_back({tp, offset > 0 ? offset : RD_KAFKA_OFFSET_BEGINNING});
  SUJIP_CHECK_OK(reader->assign(from));
  size_t ended = 0;
  std::vector<kafka::MessagePtr> batch;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ended < from.size()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    batch.clear();
    reader->consume(20, 500, batch);
    for (const auto& message : batch) {
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        ++ended;
      else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    }
  }
  return true;
}

Result<bool> Drain::drained() {
  // Far behind: looking closer would only take bandwidth.
  SUJIP_TRY(const Lag far, lag());
  if (far.process + far.sink > 5000) return false;
  std::vector<std::vector<std::pair<kafka::TopicPartition, int64_t>>> before;
  for (const Reader& reader : readers_) {
    // What a reader writes for itself shows a moment after its position: it is looked for once more.
    for (int pass = 0; pass < reader.passes; ++pass) {
      SUJIP_TRY(auto at, positions(reader));
      SUJIP_TRY(const bool empty, nothing_behind(at));
      if (!empty) return false;
      if (pass == 0) before.push_back(std::move(at));
    }
  }
  for (size_t i = 0; i < readers_.size(); ++i) {
    SUJIP_TRY(const auto now, positions(readers_[i]));
    if (now != before[i]) return false;
  }
  SUJIP_TRY(const auto waiting, pg_->query("select count(*) from sujip.change_log where verdict = 'pending'"));
  return waiting.integer(0, 0) == 0;
}

}  // namespace sujip
