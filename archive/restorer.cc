#include "archive/restorer.h"

#include <fmt/format.h>

#include "core/kafka/admin.h"
#include "core/kafka/producer.h"
#include "topics/catalogue.h"

namespace sujip::archive {
namespace {

constexpr int kTransactionTimeoutMs = 60000;
constexpr int64_t kTransactionBytes = 16 << 20;
constexpr std::string_view kEmptyIt =
    "restore into empty topics: delete this one and run `sujip topics apply`, or use another prefix";

// Who works with these topics now would write between the restored records, or read half of them.
Result<std::vector<Error>> live(const Settings& settings, kafka::Admin& admin) {
  std::vector<Error> out;
  SUJIP_TRY(const auto groups, admin.live_groups());
  for (const auto& [group, members] : groups)
    if (group.starts_with(topics::group_of(settings.prefix, "")))
      out.push_back({fmt::format("the group has {} members", members), group,
                     "end `sujip process`; a process that just ended leaves its group some seconds later"});
  return out;
}

std::optional<Error> refusal(const RestoreStep& step, const RestoredPosition& was, const Identity& identity,
                             bool has_more, const kafka::TopicPartition& tp) {
  if (!was.note) {
    if (!has_more) return std::nullopt;
    return Error{"the topic is not empty", kafka::to_string(tp), std::string(kEmptyIt)};
  }
  if (was.note->archive != identity.id)
    return Error{"another archive was restored into this topic", kafka::to_string(tp), std::string(kEmptyIt)};
  if (was.records > step.total)
    return Error{fmt::format("{} records were restored, the archive has {}", was.records, step.total),
                 kafka::to_string(tp), "is this an older copy of the archive?"};
  // A partition that is whole may be in use again.
  if (was.records == step.total || !has_more) return std::nullopt;
  return Error{
      fmt::format("somebody has written behind the {} of {} records that were restored", was.records, step.total),
      kafka::to_string(tp), std::string(kEmptyIt)};
}

Status call_error(const Settings& settings, const std::string& what, const kafka::CallError& error) {
  if (error.code == RD_KAFKA_RESP_ERR__FENCED || error.code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
    return Error{"another restore has taken over", "Kafka at " + settings.kafka, "only one can work at a time"};
  Error out = kafka::broker_error(settings.kafka, what + ": " + error.text);
  out.hint += "; start the same restore again, it goes on";
  return out;
}

// Restores one partition, from the record it has come to.
class PartitionRestore {
 public:
  PartitionRestore(kafka::Producer& producer, kafka::Consumer& ends, const Settings& settings, const Identity& identity,
                   const RestoreStep& step, int64_t transaction_records, Restored& done)
      : producer_(producer),
        ends_(ends),
        settings_(settings),
        identity_(identity),
        step_(step),
        transaction_records_(transaction_records),
        done_(done),
        tp_{settings.prefix + step.topic, step.partition},
        topic_(producer.topic(tp_.topic)),
        position_(step.before) {}

  Status run(const std::stop_token& stop, const std::function<void()>& progress) {
    int64_t before = 0;  // records in the segments passed
    for (const Segment& segment : step_.archive.segments) {
      int64_t skip = position_ - before;
      before += segment.records;
      if (skip >= segment.records) continue;
      SUJIP_CHECK_OK(read_segment(step_.archive.folder, step_.topic, step_.partition, segment,
                                  [&](const ArchivedRecord& record) -> Status {
                                    if (skip-- > 0 || done_.stopped) return {};
                                    SUJIP_CHECK_OK(put(record));
                                    if (open_records_ < transaction_records_ && open_bytes_ < kTransactionBytes)
                                      return {};
                                    SUJIP_CHECK_OK(commit());
                                    progress();
                                    done_.stopped = stop.stop_requested();
                                    return {};
                                  }));
      if (done_.stopped) return {};
    }
    SUJIP_CHECK_OK(commit());
    progress();
    done_.stopped = stop.stop_requested();
    return {};
  }

 private:
  Status put(const ArchivedRecord& record) {
    if (open_records_ == 0)
      if (const auto error = producer_.begin_transaction())
        return call_error(settings_, "beginning a transaction", error);
    SUJIP_CHECK_OK(producer_.produce(topic_, step_.partition, record.key.value_or(std::string_view()), record.value,
                                     record.headers, record.timestamp_ms));
    ++open_records_;
    open_bytes_ += static_cast<int64_t>(record.key.value_or("").size() + record.value.value_or("").size());
    if (open_records_ % 1000 == 0) producer_.poll();
    return {};
  }

  Status commit() {
    if (open_records_ == 0) return {};
    SUJIP_CHECK_OK(producer_.flush(kTransactionTimeoutMs));
    // Nobody else writes here, so what is there now is ours; the marker of the commit comes behind it.
    SUJIP_TRY(const auto end, ends_.ends({tp_}, kTransactionTimeoutMs));
    const kafka::Position position{tp_, position_ + open_records_, RestoredNote{identity_.id, end.front()}.str()};
    const auto group = kafka::no_membership(restore_name(settings_));
    const auto list = kafka::to_list({position});
    if (const auto error = producer_.send_offsets(list.get(), group.get(), kTransactionTimeoutMs))
      return call_error(settings_, "noting the position", error);
    for (int tries = 0;; ++tries) {
      const auto error = producer_.commit_transaction(kTransactionTimeoutMs);
      if (!error) break;
      if (!error.retriable || tries == 3) return call_error(settings_, "committing", error);
    }
    position_ += open_records_;
    done_.records += open_records_;
    done_.bytes += open_bytes_;
    open_records_ = open_bytes_ = 0;
    return {};
  }

  kafka::Producer& producer_;
  kafka::Consumer& ends_;
  const Settings& settings_;
  const Identity& identity_;
  const RestoreStep& step_;
  const int64_t transaction_records_;
  Restored& done_;
  kafka::TopicPartition tp_;
  rd_kafka_topic_t* topic_;
  int64_t position_;  // records restored
  int64_t open_records_ = 0;
  int64_t open_bytes_ = 0;
};

}  // namespace

int64_t RestorePlan::total() const {
  int64_t sum = 0;
  for (const RestoreStep& s : steps) sum += s.total;
  return sum;
}

int64_t RestorePlan::before() const {
  int64_t sum = 0;
  for (const RestoreStep& s : steps) sum += s.before;
  return sum;
}

Result<RestorePlan> plan_restore(const Settings& settings, const std::string& dir,
                                 const std::vector<std::string>& topics) {
  RestorePlan plan;
  SUJIP_TRY(plan.identity, read_identity(dir));
  if (plan.identity.id.empty()) return Error{"there is no archive", dir, "name the folder that `sujip archive` wrote"};
  SUJIP_TRY(auto contents, read_contents(dir, topics));
  SUJIP_TRY(const auto admin, kafka::Admin::create(settings.kafka));
  SUJIP_TRY(plan.refused, live(settings, *admin));
  SUJIP_TRY(const auto present, admin->topics());
  std::vector<kafka::TopicPartition> all;
  for (auto& [topic, partitions] : contents) {
    const auto found = present.find(settings.prefix + topic);
    if (found == present.end())
      return Error{"the topic is missing", settings.prefix + topic, "run `sujip topics apply`"};
    if (found->second != static_cast<int32_t>(partitions.size()))
      return Error{fmt::format("{} partitions, in the archive {}", found->second, partitions.size()), found->first,
                   "partitions decide where keys live: make the topic with the same number"};
    for (size_t p = 0; p < partitions.size(); ++p) {
      RestoreStep step{topic, static_cast<int32_t>(p), std::move(partitions[p]), 0, 0};
      step.total = step.archive.records();
      plan.steps.push_back(std::move(step));
      all.push_back({found->first, static_cast<int32_t>(p)});
    }
  }
  SUJIP_TRY(const auto positions, read_restored(settings, all));
  for (size_t i = 0; i < all.size(); ++i) {
    RestoreStep& step = plan.steps[i];
    const bool whole = positions[i].note && positions[i].records == step.total;
    bool more = false;
    if (!whole) {
      SUJIP_TRY(more, has_record_from(settings, all[i], positions[i].note ? positions[i].note->end : 0));
    }
    if (auto error = refusal(step, positions[i], plan.identity, more, all[i]))
      plan.refused.push_back(*std::move(error));
    else
      step.before = positions[i].records;
  }
  return plan;
}

Result<Restored> restore(const Settings& settings, const RestoreOptions& options, const std::stop_token& stop,
                         const std::function<void(const RestorePlan&, const Restored&)>& progress) {
  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-restore";
  config.prefix = settings.prefix;
  config.transactional_id = restore_name(settings);
  config.transaction_timeout_ms = kTransactionTimeoutMs;
  // What was taken once is not refused here; the topic's own limit counts.
  config.extra = {{"message.max.bytes", "100000000"}};
  SUJIP_TRY(const auto producer, kafka::Producer::create(config));
  // Ends what an interrupted restore had open, so that what is read below is all there is.
  if (const auto error = producer->init_transactions(kTransactionTimeoutMs))
    return call_error(settings, "starting", error).error();
  SUJIP_TRY(const RestorePlan plan, plan_restore(settings, options.dir, options.topics));
  if (!plan.refused.empty()) return plan.refused.front();
  kafka::ConsumerConfig ends;
  ends.bootstrap = settings.kafka;
  ends.client_id = "sujip-restore";
  ends.extra = {{"isolation.level", "read_uncommitted"}};
  SUJIP_TRY(const auto written, kafka::Consumer::create(ends));
  Restored done;
  for (const RestoreStep& step : plan.steps) {
    if (step.before == step.total) continue;
    done.at = fmt::format("{}/{}", step.topic, step.partition);
    PartitionRestore partition(*producer, *written, settings, plan.identity, step, options.transaction_records, done);
    SUJIP_CHECK_OK(partition.run(stop, [&] { progress(plan, done); }));
    if (done.stopped) break;
  }
  return done;
}

}  // namespace sujip::archive
