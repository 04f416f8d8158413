#include "producers/files/feed_publisher.h"

#include <fmt/format.h>

#include "core/log.h"
#include "core/metrics.h"
#include "core/murmur2.h"

namespace sujip::feeds {
namespace {

constexpr auto kConfirmAfter = std::chrono::milliseconds(250);
constexpr int64_t kConfirmBytes = 32 << 20;
constexpr size_t kConfirmFiles = 2000;
constexpr auto kGiveUpAfter = std::chrono::minutes(2);         // without an acknowledgement
constexpr auto kStopWithin = std::chrono::milliseconds(1200);  // when asked to end

using Clock = std::chrono::steady_clock;

}  // namespace

FeedCounts& FeedCounts::operator+=(const FeedCounts& other) {
  files += other.files;
  rows += other.rows;
  skipped += other.skipped;
  runs += other.runs;
  refused.insert(refused.end(), other.refused.begin(), other.refused.end());
  return *this;
}

FeedPublisher::FeedPublisher(const FileConnector& connector, FeedTarget target, FeedMemory& memory, Accept accept,
                             Options options)
    : connector_(connector),
      target_(target),
      memory_(memory),
      accept_(std::move(accept)),
      options_(std::move(options)),
      reader_(connector) {}

Status FeedPublisher::write_run_log(const RunLog& entry) {
  const std::string subject = entry.scope.subject();
  return target_.producer->produce(target_.run_log, partition_of(subject, target_.run_log_partitions), subject,
                                   encode(entry));
}

Status FeedPublisher::refuse(const Refusal& refusal, const Scope& scope) {
  counts_.refused.push_back(refusal);
  log::warn("{}: refused {}", connector_.source, refusal.message());
  metrics::counter("run_failures_total", {{"medium", connector_.source}, {"reason", "refused"}}).Increment();
  RunLog entry;
  entry.scope = scope;
  entry.stage = "collect";
  entry.state = "refused";
  entry.message = refusal.row > 0 ? fmt::format("row {}, column {}: {}", refusal.row, refusal.column, refusal.reason)
                                  : refusal.reason;
  entry.hint = refusal.hint;
  entry.error_class = "refused";
  entry.file = refusal.file;
  entry.ts_ms = entry.started_at = now_ms();
  return write_run_log(entry);
}

Status FeedPublisher::offer(const OfferedFile& offered) {
  if (memory_.untouched(offered.file) && !options_.by_hand) {
    ++counts_.skipped;
    return {};
  }
  const TimeMs started = now_ms();
  // A file that is known by name may only have been copied anew: its hash is cheaper than its rows.
  if (memory_.find(offered.file.name) != nullptr) {
    auto hash = content_hash_of(offered.file.path);
    if (!hash) return refuse({offered.file.name, 0, 0, hash.error().what, ""}, offered.scope);
    const Answer answer = memory_.decide(offered, *hash, options_.by_hand);
    if (answer != Answer::publish) return accept_as(offered, answer, *hash, -1, {});
  }
  if (const auto trouble = reader_.check(offered.file.path, offered.file.name)) {
    if (const auto* refusal = std::get_if<Refusal>(&*trouble)) {
      return refuse(*refusal, offered.scope);
    }
    const Error& error = std::get<Error>(*trouble);
    return refuse({offered.file.name, 0, 0, error.what, error.hint}, offered.scope);
  }
  const Answer answer = memory_.decide(offered, reader_.facts().content_hash, options_.by_hand);
  if (answer != Answer::publish) {
    return accept_as(offered, answer, reader_.facts().content_hash, reader_.facts().rows, {});
  }
  return publish(offered, started);
}

Status FeedPublisher::accept_as(const OfferedFile& offered, Answer answer, const std::string& hash, int64_t rows,
                                const RunId& run) {
  AcceptedFile accepted{
      offered.file.name, hash, offered.file.size, offered.file.mtime_ns, offered.scope.subject(), run, rows, false};
  if (answer != Answer::publish) {
    ++counts_.skipped;
    const AcceptedFile* known = memory_.find(accepted.file);
    if (answer == Answer::known && known != nullptr) {
      accepted.run = known->run;
      accepted.rows = known->rows;
      accepted.same = known->same;
    } else {
      accepted.same = true;
      if (const RunId* last = memory_.last_run(accepted.scope)) accepted.run = *last;
      if (rows < 0 && known != nullptr) accepted.rows = known->rows;
    }
    log::debug("{}: {} says nothing new", connector_.source, offered.file.name);
  }
  if (waiting_.empty()) waiting_since_ = Clock::now();
  memory_.remember(accepted);
  waiting_.push_back(std::move(accepted));
  const bool due = waiting_.size() >= kConfirmFiles || waiting_bytes_ >= kConfirmBytes ||
                   Clock::now() - waiting_since_ >= kConfirmAfter;
  return due ? confirm() : Status{};
}

Status FeedPublisher::publish(const OfferedFile& offered, TimeMs started) {
  const FileFacts facts = reader_.facts();
  const RunId id = memory_.next_run(offered, now_ms());
  RawRun run(*target_.producer, target_.raw, offered.scope, id,
             {options_.partition, target_.raw_partitions, options_.guard, connector_.accept_empty});
  SUJIP_CHECK_OK(run.begin());
  if (reader_.kept()) {
    const Records& records = reader_.records();
    for (size_t i = 0; i < records.size(); ++i) {
      SUJIP_CHECK_OK(run.row(records.key(i), records.value(i)));
    }
  } else {
    SUJIP_CHECK_OK(send_large(offered, run));
    if (reader_.facts().content_hash != facts.content_hash) {
      // The run has no end, so nobody takes it.
      return refuse(
          {offered.file.name, 0, 0, "the file changed while it was read", "it is tried again when it is whole"},
          offered.scope);
    }
  }
  SUJIP_CHECK_OK(run.end(facts.content_hash));

  RunLog entry;
  entry.scope = offered.scope;
  entry.run = id.str();
  entry.stage = "collect";
  entry.state = "finished";
  entry.rows = facts.rows;
  entry.bytes = facts.bytes;
  entry.file = offered.file.name;
  if (!facts.new_columns.empty()) {
    entry.message = fmt::format("unknown columns, kept: {}", facts.new_columns.front());
    for (size_t i = 1; i < facts.new_columns.size(); ++i) entry.message += ", " + facts.new_columns[i];
  }
  entry.started_at = started;
  entry.ts_ms = now_ms();
  entry.duration_ms = entry.ts_ms - started;
  SUJIP_CHECK_OK(write_run_log(entry));

  ++counts_.files;
  ++counts_.runs;
  counts_.rows += facts.rows;
  waiting_bytes_ += facts.bytes;
  metrics::counter("runs_total", {{"medium", connector_.source}, {"trigger", "file"}}).Increment();
  metrics::counter("rows_collected_total", {{"medium", connector_.source}, {"dataset", connector_.dataset}})
      .Increment(static_cast<double>(facts.rows));
  if (facts.rows == 0) {
    metrics::counter("empty_results_total", {{"medium", connector_.source}}).Increment();
  }
  return accept_as(offered, Answer::publish, facts.content_hash, facts.rows, id);
}

Status FeedPublisher::send_large(const OfferedFile& offered, RawRun& run) {
  Status sent;
  int64_t n = 0;
  const auto trouble =
      reader_.stream(offered.file.path, offered.file.name, [&](std::string_view key, std::string_view value) {
        if ((++n & 0xFFFF) == 0 && options_.stopped()) {
          sent = Error{"stopped in the middle of a file", offered.file.name, "it is published again at the next start"};
          return false;
        }
        sent = run.row(key, value);
        return sent.ok();
      });
  if (!sent.ok()) return sent;
  // A refusal now means the file changed since it was checked; the hash tells, see publish().
  if (trouble && std::holds_alternative<Error>(*trouble)) return std::get<Error>(*trouble);
  return {};
}

Status FeedPublisher::flush() {
  const auto began = Clock::now();
  auto stop_seen = Clock::time_point::max();
  for (;;) {
    Status done = target_.producer->flush(200);
    // Records that could not be delivered are an answer; records that wait are not one yet.
    if (done.ok() || target_.producer->queued() == 0) return done;
    if (done.error().what.starts_with("delivering")) return done;
    const auto now = Clock::now();
    if (options_.stopped() && stop_seen == Clock::time_point::max()) stop_seen = now;
    if (now - began > kGiveUpAfter) return done;
    if (stop_seen <= now && now - stop_seen > kStopWithin) return done;
  }
}

Status FeedPublisher::confirm() {
  SUJIP_CHECK_OK(flush());
  if (waiting_.empty()) return {};
  SUJIP_CHECK_OK(accept_(waiting_));
  waiting_.clear();
  waiting_bytes_ = 0;
  metrics::gauge("last_success_timestamp_seconds", {{"medium", connector_.source}})
      .Set(static_cast<double>(now_ms()) / 1000);
  return {};
}

}  // namespace sujip::feeds
