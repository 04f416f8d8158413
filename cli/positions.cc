#include "cli/positions.h"

#include <algorithm>
#include <chrono>

namespace sujip {
namespace {

constexpr int kTimeoutMs = 20000;

}  // namespace

Result<Positions> Positions::open(const Settings& settings, const std::vector<topics::Generation>& generations) {
  Positions self;
  self.settings_ = settings;
  SUJIP_TRY(const Datasets datasets, Datasets::load(settings.share + "/topics/datasets"));
  self.readers_ = sujip::readers(datasets, settings.prefix, generations);
  SUJIP_TRY(self.admin_, kafka::Admin::create(settings.kafka));
  SUJIP_TRY(self.topics_, self.admin_->topics(kTimeoutMs));
  kafka::ConsumerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-positions";
  config.partition_eof = true;
  config.fetch_wait_ms = 10;
  // look_closer() wants the next record of each partition, no more.
  config.extra = {{"fetch.message.max.bytes", "16384"}, {"queued.min.messages", "1"}};
  SUJIP_TRY(self.reader_, kafka::Consumer::create(config));
  SUJIP_TRY(auto connection, pg::Connection::open(settings.pg));
  self.pg_ = std::make_unique<pg::Connection>(std::move(connection));
  return self;
}

Result<std::vector<ReaderPosition>> Positions::read_positions(const Reader& reader) {
  std::vector<kafka::TopicPartition> all;
  for (const std::string& topic : reader.topics) {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return Error{"the topic is missing", topic, "run `sujip topics apply`"};
    for (int32_t p = 0; p < found->second; ++p) all.push_back({topic, p});
  }
  std::map<kafka::TopicPartition, int64_t> at;
  if (reader.in_database) {
    if (!pg_->connected()) {
      SUJIP_TRY(*pg_, pg::Connection::open(settings_.pg));
    }
    SUJIP_TRY(const auto rows,
              pg_->query("select topic, part, next_offset from sujip.sink_progress where sink = $1", reader.group));
    for (int i = 0; i < rows.size(); ++i)
      at[{std::string(rows.text(i, 0)), static_cast<int32_t>(rows.integer(i, 1))}] = rows.integer(i, 2);
  } else {
    SUJIP_TRY(at, admin_->group_offsets(reader.group, all, kTimeoutMs));
  }
  // After the positions: a reader is never ahead of the end it is compared with.
  SUJIP_TRY(const auto ends, reader_->ends(all, kTimeoutMs));
  std::vector<ReaderPosition> out;
  for (size_t i = 0; i < all.size(); ++i) {
    ReaderPosition p{all[i], -1, 0, ends[i], 0};
    if (const auto found = at.find(all[i]); found != at.end()) p.position = found->second;
    out.push_back(std::move(p));
  }
  return out;
}

Result<std::vector<ReaderPosition>> Positions::read(const Reader& reader) {
  SUJIP_TRY(auto out, read_positions(reader));
  for (ReaderPosition& p : out) {
    if (p.position < p.end) {
      SUJIP_TRY(const auto marks, reader_->watermarks(p.tp, kTimeoutMs));
      p.begin = marks.low;
    }
    p.behind = std::max<int64_t>(0, p.end - std::max(p.position, p.begin));
  }
  return out;
}

Status Positions::look_closer(std::vector<ReaderPosition>& positions) {
  std::map<kafka::TopicPartition, ReaderPosition*> open;
  std::vector<kafka::Position> from;
  for (ReaderPosition& p : positions) {
    if (p.behind == 0) continue;
    open[p.tp] = &p;
    from.push_back({p.tp, std::max(p.position, p.begin)});
  }
  if (from.empty()) return {};
  SUJIP_CHECK_OK(reader_->assign(from));
  std::vector<kafka::MessagePtr> batch;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kTimeoutMs);
  // What is not answered in time counts as behind.
  while (!open.empty() && std::chrono::steady_clock::now() < deadline) {
    batch.clear();
    reader_->consume(20, 200, batch);
    for (const auto& message : batch) {
      const kafka::TopicPartition tp{rd_kafka_topic_name(message->rkt), message->partition};
      const auto found = open.find(tp);
      if (found == open.end()) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        found->second->behind = 0;
      else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        continue;
      open.erase(found);
      SUJIP_CHECK_OK(reader_->remove(tp));
    }
  }
  return reader_->assign({});
}

}  // namespace sujip
