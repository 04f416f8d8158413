#include "producers/engine/kafka_delivery.h"

#include "core/metrics.h"
#include "core/murmur2.h"
#include "topics/catalogue.h"
#include "topics/messages.h"
#include "topics/raw_writer.h"

namespace sujip::engine {
namespace {

constexpr int kFlushMs = 60'000;

}  // namespace

Result<std::unique_ptr<KafkaDelivery>> KafkaDelivery::open(kafka::Producer& producer, pg::Connection& database,
                                                           const std::string& prefix, const std::string& source,
                                                           const Plan& plan, ToldScopes* told) {
  std::unique_ptr<KafkaDelivery> out(new KafkaDelivery(producer, database, prefix, source));
  out->told_ = told;
  out->currency_ = plan.currency;
  out->time_zone_ = plan.time_zone;
  SUJIP_TRY(const pg::Rows rows, database.query("select account, dataset, slice, hash, rows, "
                                                "(extract(epoch from collected_at) * 1000)::bigint "
                                                "from sujip.collected_scope where source = $1",
                                                source));
  for (int i = 0; i < rows.size(); ++i) {
    const Scope scope{source, std::string(rows.text(i, 0)), std::string(rows.text(i, 1)), std::string(rows.text(i, 2))};
    out->known_[scope.subject()] = {{std::string(rows.text(i, 3)), rows.integer(i, 5)}, rows.integer(i, 4)};
  }
  return out;
}

std::optional<KnownScope> KafkaDelivery::known(const Scope& scope) const {
  const auto it = known_.find(scope.subject());
  return it == known_.end() ? std::nullopt : std::optional(it->second.known);
}

bool KafkaDelivery::is_unchanged(const Collected& item) const {
  const std::string subject = item.scope.subject();
  auto it = latest_.find(subject);
  if (it == latest_.end()) {
    it = known_.find(subject);
    if (it == known_.end()) return false;
  }
  return it->second.known.hash == item.hash;
}

Result<std::string> KafkaDelivery::publish(const Collected& item, bool unchanged) {
  const Dataset& dataset = *item.feed->dataset;
  rd_kafka_topic_t* topic = producer_.topic(prefix_ + dataset.raw_topic);
  last_seq_ = std::max(last_seq_ + 1, now_ms());
  const RunId id{item.snapshot_ms, last_seq_};
  RawRun::Options options;
  options.partition = dataset.partition;
  options.topic_partitions = topics::kPartitions;
  if (item.feed->guard) options.guard = dataset.guard;
  options.accept_empty = item.feed->accept_empty;
  RawRun raw(producer_, topic, item.scope, id, options);
  const auto rows = static_cast<int64_t>(item.rows.size());

  if (unchanged) {
    SUJIP_CHECK_OK(raw.same(rows, item.hash));
    return id.str();
  }
  SUJIP_CHECK_OK(raw.begin());
  for (const auto& [key, json] : item.rows) SUJIP_CHECK_OK(raw.row(key, json));
  SUJIP_CHECK_OK(raw.end(item.hash));
  metrics::counter("rows_collected_total", {{"medium", source_}, {"dataset", dataset.name}})
      .Increment(static_cast<double>(rows));
  return id.str();
}

Status KafkaDelivery::log(const Scope& scope, const std::string& run, const std::string& state, int64_t rows,
                          int64_t bytes, const Failure* failure, TimeMs started, TimeMs finished) {
  RunLog entry;
  entry.scope = scope;
  entry.run = run;
  entry.stage = "collect";
  entry.state = state;
  entry.rows = rows;
  entry.bytes = bytes;
  if (failure != nullptr) {
    entry.message =
        failure->error.where.empty() ? failure->error.what : failure->error.where + ": " + failure->error.what;
    entry.hint = failure->error.hint;
    entry.error_class = failure->kind;
  }
  entry.ts_ms = finished;
  entry.started_at = started;
  entry.duration_ms = finished - started;
  const std::string subject = scope.subject();
  return producer_.produce(producer_.topic(prefix_ + std::string(topics::kRunLog)),
                           partition_of(subject, topics::kPartitions), subject, encode(entry));
}

Result<std::vector<bool>> KafkaDelivery::deliver(const std::vector<Item>& items) {
  std::vector<bool> same(items.size(), false);
  std::vector<std::string> runs(items.size());  // empty: nothing was said
  for (size_t i = 0; i < items.size(); ++i) {
    if (const auto* item = std::get_if<Collected>(&items[i])) {
      same[i] = is_unchanged(*item);
      const bool news = told_ == nullptr || told_->is_news(*item);
      if (same[i] && !news) continue;
      SUJIP_TRY(runs[i], publish(*item, same[i]));
      SUJIP_CHECK_OK(log(item->scope, runs[i], "finished", static_cast<int64_t>(item->rows.size()), item->bytes,
                         nullptr, item->snapshot_ms, item->finished_ms));
    } else {
      const auto& gap = std::get<NotCollected>(items[i]);
      if (told_ != nullptr && !told_->is_news(gap)) continue;
      SUJIP_CHECK_OK(
          log(gap.scope, "", gap.skipped ? "skipped" : "failed", 0, 0, &gap.failure, gap.started_ms, gap.finished_ms));
    }
  }
  SUJIP_CHECK_OK(producer_.flush(kFlushMs));

  SUJIP_TRY(pg::Transaction transaction, pg::Transaction::begin(database_));
  for (size_t i = 0; i < items.size(); ++i) {
    const auto* item = std::get_if<Collected>(&items[i]);
    if (item == nullptr || runs[i].empty()) continue;
    const Scope& s = item->scope;
    const auto rows = static_cast<int64_t>(item->rows.size());
    SUJIP_CHECK_OK(
        database_.query("insert into sujip.collected_scope (source, account, dataset, slice, hash, run, rows) "
                        "values ($1, $2, $3, $4, $5, $6, $7) on conflict (source, account, dataset, slice) "
                        "do update set hash = excluded.hash, run = excluded.run, rows = excluded.rows, "
                        "collected_at = now()",
                        s.source, s.account, s.dataset, s.slice, item->hash, runs[i], rows));
    latest_[s.subject()] = {{item->hash, item->finished_ms}, rows};
  }
  SUJIP_CHECK_OK(transaction.commit());
  return same;
}

Status KafkaDelivery::remember_accounts(const std::vector<AccountFound>& accounts) {
  SUJIP_TRY(pg::Transaction transaction, pg::Transaction::begin(database_));
  for (const AccountFound& found : accounts)
    SUJIP_CHECK_OK(
        database_.query("insert into sujip.known_account (source, account, name, status, currency, time_zone) "
                        "values ($1, $2, $3, case when $4 = '' then 'active' else $4 end, nullif($5, ''), $6) "
                        "on conflict (source, account) do update set "
                        "name = case when $3 = '' then known_account.name else $3 end, "
                        "status = case when $4 = '' then known_account.status else $4 end, "
                        "currency = coalesce(known_account.currency, excluded.currency), updated_at = now() "
                        "where (known_account.name, known_account.status) is distinct from "
                        "(case when $3 = '' then known_account.name else $3 end, "
                        "case when $4 = '' then known_account.status else $4 end)",
                        source_, found.account, found.name, found.status, currency_, time_zone_));
  return transaction.commit();
}

}  // namespace sujip::engine
