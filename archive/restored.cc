#include "archive/restored.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "topics/catalogue.h"

namespace sujip::archive {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReadTimeoutMs = 30000;
constexpr std::string_view kArchive = "archive=";
constexpr std::string_view kEnd = " end=";

}  // namespace

std::string RestoredNote::str() const { return fmt::format("{}{}{}{}", kArchive, archive, kEnd, end); }

std::optional<RestoredNote> RestoredNote::parse(const std::string& text) {
  const size_t at = text.find(kEnd);
  if (!text.starts_with(kArchive) || at == text.npos) return std::nullopt;
  RestoredNote out;
  out.archive = text.substr(kArchive.size(), at - kArchive.size());
  const char* const first = text.data() + at + kEnd.size();
  const char* const last = text.data() + text.size();
  if (const auto read = std::from_chars(first, last, out.end); read.ec != std::errc() || read.ptr != last)
    return std::nullopt;
  return out;
}

std::string restore_name(const Settings& settings) { return topics::group_of(settings.prefix, "restore"); }

Result<std::vector<RestoredPosition>> read_restored(const Settings& settings,
                                                    const std::vector<kafka::TopicPartition>& partitions) {
  kafka::ConsumerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-restore";
  config.group = restore_name(settings);
  SUJIP_TRY(const auto consumer, kafka::Consumer::create(config));
  SUJIP_TRY(const auto positions, consumer->committed(partitions, kReadTimeoutMs));
  std::vector<RestoredPosition> out;
  for (const kafka::Position& p : positions)
    out.push_back(p.offset < 0 ? RestoredPosition{} : RestoredPosition{p.offset, RestoredNote::parse(p.metadata)});
  return out;
}

Result<bool> has_record_from(const Settings& settings, const kafka::TopicPartition& tp, int64_t from) {
  kafka::ConsumerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-restore";
  config.partition_eof = true;
  config.fetch_wait_ms = 10;
  SUJIP_TRY(const auto consumer, kafka::Consumer::create(config));
  SUJIP_TRY(const auto marks, consumer->watermarks(tp, kReadTimeoutMs));
  if (marks.high <= std::max(from, marks.low)) return false;
  SUJIP_CHECK_OK(consumer->assign({{tp, std::max(from, marks.low)}}));
  std::vector<kafka::MessagePtr> batch;
  const auto deadline = Clock::now() + std::chrono::milliseconds(kReadTimeoutMs);
  while (Clock::now() < deadline) {
    batch.clear();
    consumer->consume(50, 10, batch);
    for (const auto& message : batch) {
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return false;
    }
  }
  return kafka::broker_error(settings.kafka, kafka::to_string(tp) + ": can't be read in time");
}

}  // namespace sujip::archive
