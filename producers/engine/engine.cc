#include "producers/engine/engine.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/log.h"
#include "core/metrics.h"
#include "producers/engine/account_list.h"
#include "producers/engine/account_worker.h"
#include "producers/engine/kafka_delivery.h"
#include "producers/engine/prepared_source.h"

namespace sujip::engine {
namespace {

constexpr size_t kBatchScopes = 256;

// What workers found and the calling thread has not delivered yet. Bounded: workers wait when Kafka or
// the database are slow.
class Inbox {
 public:
  void put(Item item) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return items_.size() < 4 * kBatchScopes || closed_; });
    items_.push_back(std::move(item));
    news_.notify_one();
  }
  void put(AccountFound account) {
    const std::lock_guard lock(mutex_);
    accounts_.push_back(std::move(account));
  }
  void worker_done() {
    const std::lock_guard lock(mutex_);
    --workers_;
    news_.notify_one();
  }
  void expect(int workers) { workers_ = workers; }
  // Nobody takes anything any more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    room_.notify_all();
  }
  // False when all workers are done and everything was taken.
  bool take(std::vector<Item>& items, std::vector<AccountFound>& accounts) {
    std::unique_lock lock(mutex_);
    news_.wait(lock, [&] { return !items_.empty() || workers_ == 0; });
    items.clear();
    while (!items_.empty() && items.size() < kBatchScopes) {
      items.push_back(std::move(items_.front()));
      items_.pop_front();
    }
    accounts = std::exchange(accounts_, {});
    room_.notify_all();
    return !items.empty() || !accounts.empty() || workers_ > 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_, room_;
  std::deque<Item> items_;
  std::vector<AccountFound> accounts_;
  int workers_ = 0;
  bool closed_ = false;
};

// Work that was broken off because the program ends: nothing was wrong with it.
bool is_stop(const Item& item) {
  const auto* gap = std::get_if<NotCollected>(&item);
  return gap != nullptr && gap->failure.kind == "stopped";
}

class Collection {
 public:
  explicit Collection(const CollectContext& context) : c_(context) {}

  Result<CollectReport> run() {
    metrics::counter("runs_total", {{"medium", c_.source.name}, {"trigger", c_.options.trigger}}).Increment();
    auto& running = metrics::gauge("runs_in_progress", {{"medium", c_.source.name}});
    running.Increment();
    const int64_t before = c_.pace.steady_ms();
    auto out = collect_all();
    if (out.ok()) out->stopped = stopping();
    running.Decrement();
    metrics::histogram("run_duration_seconds", {{"medium", c_.source.name}})
        .Observe(static_cast<double>(c_.pace.steady_ms() - before) / 1000);
    const double now = static_cast<double>(c_.pace.wall_ms()) / 1000;
    metrics::gauge("last_attempt_timestamp_seconds", {{"medium", c_.source.name}}).Set(now);
    if (out.ok() && out->complete())
      metrics::gauge("last_success_timestamp_seconds", {{"medium", c_.source.name}}).Set(now);
    return out;
  }

 private:
  Result<CollectReport> collect_all() {
    const Day today = c_.options.today.value_or(seoul_day(c_.pace.wall_ms()));
    const int days = c_.options.days > 0 ? c_.options.days : c_.plan.backfill_days;
    Value config = config_value(c_.source);
    const Day first = c_.options.from.value_or(today - days);
    const Day last = c_.options.to.value_or(today - 1);
    config.mutable_object().set("start_date", Value(first.str()));
    config.mutable_object().set("end_date", Value(last.str()));
    SUJIP_TRY(RateLimits limits, RateLimits::build(c_.manifest.document.find("api_budget"), config));

    Session session = make_session(c_.source, c_.http, c_.pace, limits, config);
    StreamSet streams(c_.manifest);
    SUJIP_TRY(const bool listed, accounts(session, streams));
    if (!listed) return std::move(report_);
    SUJIP_TRY(const std::vector<AccountTask> todo, tasks(session, streams));
    report_.accounts = static_cast<int>(todo.size());
    if (c_.options.accounts.empty())
      metrics::gauge("accounts_expected", {{"medium", c_.source.name}}).Set(static_cast<double>(todo.size()));
    SUJIP_CHECK_OK(work(todo, limits, config, today));
    return std::move(report_);
  }

  // The stage before all others; false: nothing else can be collected, and the report says why.
  Result<bool> accounts(Session& session, StreamSet& streams) {
    for (const Feed& feed : c_.plan.feeds) {
      if (feed.stage != Stage::account) continue;
      Variables variables = session.variables(Slice{});
      const auto owner = c_.plan.collected_with->text(variables);
      if (!owner.ok()) return owner.error().error;
      const Scope scope{c_.source.name, owner.value(), feed.dataset->name, ""};
      auto stream = streams.stream(feed.stream);
      if (!stream) return stream.error();
      auto read = read_all(session, feed, **stream, scope);
      if (is_stop(read)) return false;
      auto* gap = std::get_if<NotCollected>(&read);
      // Without the list there is nothing to skip to: it is a failure whatever its class.
      if (gap != nullptr) gap->skipped = false;
      const bool listed = gap == nullptr;
      std::vector<Item> items;
      items.push_back(std::move(read));
      SUJIP_CHECK_OK(deliver(items));
      if (!listed) return false;
    }
    return true;
  }

  // The account stream over all its partitions is one scope.
  Item read_all(Session& session, const Feed& feed, const Stream& stream, const Scope& scope) {
    struct All : Retriever {
      const Stream* inner = nullptr;
      Got<Records> read(Session& s, const Slice&) override { return read_account_stream(s, *inner); }
    };
    auto all = std::make_shared<All>();
    all->inner = &stream;
    Stream whole;
    whole.name = stream.name;
    whole.retriever = all;
    Records records;
    Item item = collect_scope(session, feed, whole, Slice{}, scope, &records);
    const auto accounts = accounts_of(c_.plan, session, records);
    found_.insert(found_.end(), accounts.begin(), accounts.end());
    return item;
  }

  Result<std::vector<AccountTask>> tasks(Session& session, StreamSet& streams) {
    SUJIP_CHECK_OK(c_.delivery.remember_accounts(found_));
    for (const Feed& feed : c_.plan.feeds) {
      if (feed.stage == Stage::account) continue;
      auto stream = streams.stream(feed.stream);
      if (!stream) {
        log::warn("{}: {}", c_.source.name, stream.error().message());
        continue;
      }
      auto all = account_tasks(c_.plan, session, **stream, c_.manifest.file);
      if (!all.ok() && stopping()) break;
      if (!all.ok()) return all.error().error;
      return wanted(std::move(all).value());
    }
    return std::vector<AccountTask>();
  }

  // Those that were asked for.
  std::vector<AccountTask> wanted(std::vector<AccountTask> all) {
    const std::vector<std::string>& names = c_.options.accounts;
    if (names.empty()) return all;
    std::vector<AccountTask> out;
    for (const std::string& name : names) {
      const auto it =
          std::find_if(all.begin(), all.end(), [&](const AccountTask& task) { return task.account == name; });
      if (it == all.end())
        report_.unknown_accounts.push_back(name);
      else
        out.push_back(*it);
    }
    return out;
  }

  Status work(const std::vector<AccountTask>& tasks, RateLimits& limits, const Value& config, Day today) {
    Inbox inbox;
    const WorkerContext context{c_,
                                limits,
                                config,
                                today,
                                [&](Item item) {
                                  if (!is_stop(item)) inbox.put(std::move(item));
                                },
                                [&](AccountFound found) { inbox.put(std::move(found)); }};
    std::atomic<size_t> next{0};
    std::atomic<bool> give_up{false};
    const auto worker = [&] {
      for (size_t i = next++; i < tasks.size() && !give_up && !stopping(); i = next++) {
        try {
          collect_account(context, tasks[i]);
        } catch (const std::exception& problem) {
          const TimeMs now = c_.pace.wall_ms();
          inbox.put(NotCollected{
              {c_.source.name, tasks[i].account, "account_status", ""},
              false,
              {"internal", {problem.what(), tasks[i].account, "this is an error of the program: report it"}},
              now,
              now});
        }
      }
      inbox.worker_done();
    };
    const int count = std::min(c_.plan.workers, static_cast<int>(tasks.size()));
    inbox.expect(count);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back(worker);

    Status status;
    std::vector<Item> items;
    std::vector<AccountFound> found;
    while (status.ok() && inbox.take(items, found)) {
      if (!items.empty()) status = deliver(items);
      if (status.ok() && !found.empty()) status = c_.delivery.remember_accounts(found);
    }
    if (!status.ok()) give_up = true;
    inbox.close();
    for (std::thread& thread : threads) thread.join();
    return status;
  }

  bool stopping() const { return c_.options.stop != nullptr && c_.options.stop->load(); }

  Status deliver(const std::vector<Item>& items) {
    SUJIP_TRY(const std::vector<bool> same, c_.delivery.deliver(items));
    for (size_t i = 0; i < items.size(); ++i) {
      CollectProgress progress;
      if (const auto* item = std::get_if<Collected>(&items[i])) {
        progress.scope = item->scope;
        progress.state = same[i] ? "same" : "collected";
        progress.rows = static_cast<int64_t>(item->rows.size());
        ++(same[i] ? report_.same : report_.collected);
        report_.rows += progress.rows;
        report_.bytes += item->bytes;
        if (item->rows.empty()) metrics::counter("empty_results_total", {{"medium", c_.source.name}}).Increment();
      } else {
        const auto& gap = std::get<NotCollected>(items[i]);
        progress.scope = gap.scope;
        progress.state = gap.skipped ? "skipped" : "failed";
        progress.message = gap.failure.error.message();
        ++(gap.skipped ? report_.skipped : report_.failed);
        if (!gap.skipped) {
          metrics::counter("run_failures_total", {{"medium", c_.source.name}, {"reason", gap.failure.kind}})
              .Increment();
          log::warn("{}: not collected: {}", gap.scope.subject(), progress.message);
        }
        report_.gaps.push_back(progress);
      }
      if (c_.options.progress) c_.options.progress(progress);
    }
    return {};
  }

  const CollectContext& c_;
  CollectReport report_;
  std::vector<AccountFound> found_;
};

}  // namespace

Value config_value(const ApiSource& source) {
  Object config;
  for (const auto& [name, value] : source.config) config.set(name, Value(value));
  for (const auto& [name, secret] : source.credentials) config.set(name, Value(secret.reveal()));
  return Value(std::move(config));
}

Result<CollectReport> collect(const CollectContext& context) { return Collection(context).run(); }

Result<std::vector<Error>> check_connector(const std::string& share, const std::string& connector) {
  SUJIP_TRY(const Manifest manifest, Manifest::load(manifest_file(share, connector)));
  std::vector<Error> problems;
  StreamSet streams(manifest);
  for (const StreamDeclaration& declared : manifest.streams) {
    problems.insert(problems.end(), declared.blocked.begin(), declared.blocked.end());
    if (!declared.blocked.empty()) continue;
    if (auto built = streams.stream(declared.name); !built.ok()) problems.push_back(built.error());
  }
  return problems;
}

bool is_api_connector(const std::string& share, const std::string& connector) {
  const auto document = Node::load(manifest_file(share, connector));
  return document.ok() && is_manifest(*document);
}

Result<CollectReport> collect_api_source(const ApiSource& source, const CollectOptions& options,
                                         const Settings& settings, kafka::Producer& producer,
                                         pg::Connection& database) {
  SUJIP_TRY(const auto prepared, prepare(source, settings.share));
  if (!options.guard)
    for (Feed& feed : prepared->plan.feeds) feed.guard = false;
  SUJIP_TRY(const auto delivery,
            KafkaDelivery::open(producer, database, settings.prefix, source.name, prepared->plan, options.told));
  HttpClient::Options http_options;
  http_options.stop = options.stop;
  HttpClient http(http_options);
  RealPace pace(options.stop);
  return collect({source, options, prepared->manifest, prepared->plan, http, pace, *delivery});
}

int64_t RealPace::steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

TimeMs RealPace::wall_ms() { return now_ms(); }

bool RealPace::wait(int64_t ms) {
  constexpr int64_t kStep = 100;
  while (ms > 0) {
    if (stop_ != nullptr && stop_->load()) return false;
    const int64_t step = std::min(ms, kStep);
    std::this_thread::sleep_for(std::chrono::milliseconds(step));
    ms -= step;
  }
  return stop_ == nullptr || !stop_->load();
}

}  // namespace sujip::engine
