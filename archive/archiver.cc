#include "archive/archiver.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <random>

#include "archive/catalogue_of.h"
#include "core/kafka/admin.h"
#include "core/kafka/consumer.h"

namespace sujip::archive {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTimeoutMs = 20000;
constexpr auto kStalled = std::chrono::seconds(60);

std::string new_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

Result<std::unique_ptr<kafka::Consumer>> make_reader(const Settings& settings) {
  kafka::ConsumerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-archive";
  config.fetch_wait_ms = 10;
  config.partition_eof = true;
  return kafka::Consumer::create(config);
}

std::string place(const kafka::TopicPartition& tp, int64_t offset) {
  return fmt::format("{} offset {}", kafka::to_string(tp), offset);
}

// After a change of partitions the client may still hand over something of the former one.
bool is_of(const rd_kafka_message_t& message, const kafka::TopicPartition& tp) {
  return message.rkt != nullptr && message.partition == tp.partition && rd_kafka_topic_name(message.rkt) == tp.topic;
}

// The next message that is one, or the end of the partition (err = _PARTITION_EOF).
Result<kafka::MessagePtr> next_message(kafka::Consumer& reader, const kafka::TopicPartition& tp,
                                       const Settings& settings) {
  std::vector<kafka::MessagePtr> batch;
  const auto deadline = Clock::now() + kStalled;
  while (Clock::now() < deadline) {
    batch.clear();
    reader.consume(100, 1, batch);
    if (batch.empty() || !is_of(*batch.front(), tp)) continue;
    const auto code = batch.front()->err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__PARTITION_EOF) return std::move(batch.front());
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
      return Error{"the offset is not in the topic any more", kafka::to_string(tp), ""};
  }
  return kafka::broker_error(settings.kafka, kafka::to_string(tp) + ": nothing came for a minute");
}

// The last record of the archive must still be the one in the topic; otherwise the topic was made anew.
Status check_tail(kafka::Consumer& reader, const kafka::TopicPartition& tp, const Segment& last,
                  const Settings& settings) {
  SUJIP_CHECK_OK(reader.assign({{tp, last.last}}));
  SUJIP_TRY(const auto message, next_message(reader, tp, settings));
  ArchivedRecord record;
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) read_message(*message, record);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset == last.last &&
      record_checksum(record) == last.tail)
    return {};
  return Error{"the record is not the one that was archived: the topic was made anew", place(tp, last.last),
               "archive into a new folder; this archive stays as it is"};
}

Result<ArchiveStep> plan_partition(kafka::Consumer& reader, const kafka::TopicPartition& tp, ArchiveStep step,
                                   const Settings& settings) {
  SUJIP_TRY(const auto marks, reader.watermarks(tp, kTimeoutMs));
  if (step.archive.segments.empty()) {
    step.from = marks.low;
    return step;
  }
  step.from = step.archive.next();
  const Segment& last = step.archive.segments.back();
  if (step.to < step.from)
    return Error{fmt::format("the topic ends at {}: it was made anew", step.to), place(tp, step.from),
                 "archive into a new folder; this archive stays as it is"};
  if (marks.low > step.from)
    return Error{fmt::format("the topic begins at {}: records were deleted before they were archived", marks.low),
                 place(tp, step.from), "raw topics are kept for good: look at retention.ms; archive into a new folder"};
  if (marks.low <= last.last) SUJIP_CHECK_OK(check_tail(reader, tp, last, settings));
  return step;
}

// Copies one partition; returns when it has come to the plan's end or is told to stop.
class PartitionCopy {
 public:
  PartitionCopy(kafka::Consumer& reader, const Settings& settings, const ArchiveOptions& options, ArchiveStep& step,
                Archived& done)
      : reader_(reader), settings_(settings), options_(options), step_(step), done_(done) {}

  Status run(const std::stop_token& stop, const std::function<void()>& progress) {
    const kafka::TopicPartition tp{settings_.prefix + step_.topic, step_.partition};
    SUJIP_CHECK_OK(reader_.assign({{tp, step_.from}}));
    from_ = step_.from;
    std::vector<kafka::MessagePtr> batch;
    auto heard = Clock::now();
    for (int64_t position = step_.from; position < step_.to;) {
      if (stop.stop_requested()) {
        done_.stopped = true;
        return seal(writer_ ? writer_->last_offset() + 1 : from_);
      }
      batch.clear();
      reader_.consume(50, 5000, batch);
      if (!batch.empty()) heard = Clock::now();
      if (Clock::now() - heard > kStalled)
        return kafka::broker_error(settings_.kafka, place(tp, position) + ": nothing came for a minute");
      for (const auto& message : batch) {
        if (!is_of(*message, tp)) continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          if (message->offset < step_.to) SUJIP_CHECK_OK(take(*message));
          position = message->offset + 1;
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
          position = step_.to;  // the end of the plan, or one that has moved on since
        } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
          return Error{"the offset is not in the topic any more", place(tp, position), ""};
        }  // other errors: the client tries again
      }
      done_.offsets += std::min(position, step_.to) - counted_from(position);
      progress();
    }
    return seal(step_.to);
  }

 private:
  int64_t counted_from(int64_t position) {
    const int64_t was = counted_ < 0 ? step_.from : counted_;
    counted_ = std::min(position, step_.to);
    return was;
  }

  Status take(const rd_kafka_message_t& message) {
    read_message(message, record_);
    if (!writer_) {
      SUJIP_TRY(auto writer, SegmentWriter::create(step_.archive.folder, step_.topic, step_.partition, message.offset));
      writer_.emplace(std::move(writer));
    }
    SUJIP_CHECK_OK(writer_->add(record_));
    ++done_.records;
    if (writer_->raw_bytes() < options_.segment_bytes) return {};
    return seal(message.offset + 1);
  }

  // Ends the segment; it speaks for the topic up to `next`.
  Status seal(int64_t next) {
    if (!writer_) return {};  // nothing but markers: they are read again next time
    SUJIP_TRY(Segment segment, writer_->finish());
    writer_.reset();
    segment.from = from_;
    segment.next = from_ = next;
    SUJIP_CHECK_OK(add_segment(step_.archive, segment));
    ++done_.segments;
    done_.bytes += segment.bytes;
    return {};
  }

  kafka::Consumer& reader_;
  const Settings& settings_;
  const ArchiveOptions& options_;
  ArchiveStep& step_;
  Archived& done_;
  std::optional<SegmentWriter> writer_;
  ArchivedRecord record_;
  int64_t from_ = 0;
  int64_t counted_ = -1;
};

void remove_parts(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == kPart) std::filesystem::remove(entry.path(), error);
}

}  // namespace

int64_t ArchivePlan::offsets() const {
  int64_t sum = 0;
  for (const ArchiveStep& s : steps) sum += s.to - s.from;
  return sum;
}

Result<ArchivePlan> plan_archive(const Settings& settings, const ArchiveOptions& options) {
  ArchivePlan plan;
  SUJIP_TRY(plan.identity, read_identity(options.dir));
  SUJIP_TRY(const auto admin, kafka::Admin::create(settings.kafka));
  SUJIP_TRY(const auto present, admin->topics(kTimeoutMs));
  SUJIP_TRY(const std::string cluster, admin->cluster_id(kTimeoutMs));
  if (plan.identity.id.empty()) {
    plan.identity.cluster = cluster;
    plan.identity.prefix = settings.prefix;
  } else if (plan.identity.cluster != cluster || plan.identity.prefix != settings.prefix) {
    return Error{fmt::format("the archive is of cluster {}, prefix '{}'; this is cluster {}, prefix '{}'",
                             plan.identity.cluster, plan.identity.prefix, cluster, settings.prefix),
                 options.dir, "archive into a new folder"};
  }
  SUJIP_TRY(const auto reader, make_reader(settings));
  std::vector<kafka::TopicPartition> all;
  for (const std::string& topic : options.topics) {
    const auto found = present.find(settings.prefix + topic);
    if (found == present.end())
      return Error{"the topic is missing", settings.prefix + topic, "run `sujip topics apply`"};
    for (int32_t p = 0; p < found->second; ++p) {
      ArchiveStep step;
      step.topic = topic;
      step.partition = p;
      step.partitions = found->second;
      SUJIP_TRY(step.archive, read_partition(partition_folder(options.dir, topic, p)));
      plan.steps.push_back(std::move(step));
      all.push_back({found->first, p});
    }
  }
  // One request: the archive of a running system is a cut, not a smear.
  SUJIP_TRY(const auto ends, reader->ends(all, kTimeoutMs));
  for (size_t i = 0; i < all.size(); ++i) {
    plan.steps[i].to = ends[i];
    SUJIP_TRY(plan.steps[i], plan_partition(*reader, all[i], std::move(plan.steps[i]), settings));
  }
  return plan;
}

Result<Archived> write_archive(const Settings& settings, const ArchiveOptions& options, const std::stop_token& stop,
                               const std::function<void(const ArchivePlan&, const Archived&)>& progress) {
  SUJIP_CHECK_OK(make_folder(options.dir));
  SUJIP_TRY(const FolderLock lock, FolderLock::take(options.dir));
  SUJIP_TRY(ArchivePlan plan, plan_archive(settings, options));
  if (plan.identity.id.empty()) {
    plan.identity.id = new_id();
    SUJIP_CHECK_OK(write_identity(options.dir, plan.identity));
  }
  SUJIP_TRY(const auto reader, make_reader(settings));
  Archived done;
  for (ArchiveStep& step : plan.steps) {
    SUJIP_CHECK_OK(write_topic(options.dir, step.topic, step.partitions));
    remove_parts(step.archive.folder);
    done.at = fmt::format("{}/{}", step.topic, step.partition);
    PartitionCopy copy(*reader, settings, options, step, done);
    SUJIP_CHECK_OK(copy.run(stop, [&] { progress(plan, done); }));
    if (done.stopped) break;
  }
  return done;
}

}  // namespace sujip::archive
