#include "producers/engine/engine.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "core/log.h"
#include "core/metrics.h"
#include "producers/engine/account_worker.h"
#include "producers/engine/kafka_delivery.h"
#include "topics/catalogue.h"

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

std::string sentence(const Failure& failure) { return failure.error.message(); }

class Collection {
 public:
  explicit Collection(const CollectContext& context) : c_(context) {}

  Result<CollectReport> run() {
    metrics::counter("runs_total",
                     {{"medium", c_.source.name}, {"trigger", c_.options.trigger}}).Increment();
    auto& running = metrics::gauge("runs_in_progress", {{"medium", c_.source.name}});
    running.Increment();
    const int64_t before = c_.pace.steady_ms();
    auto out = collect_all();
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
    config.mutable_object().set("start_date", Value((today - days).str()));
    config.mutable_object().set("end_date", Value((today - 1).str()));
    SUJIP_TRY(RateLimits limits, RateLimits::build(c_.manifest.document.find("api_budget"), config));

    Session session = make_session(c_, limits, config);
    StreamSet streams(c_.manifest);
    SUJIP_TRY(const bool listed, accounts(session, streams));
    if (!listed) return std::move(report_);
    SUJIP_TRY(const std::vector<AccountTask> tasks, account_tasks(session, streams));
    report_.accounts = static_cast<int>(tasks.size());
    metrics::gauge("accounts_expected", {{"medium", c_.source.name}})
        .Set(static_cast<double>(tasks.size()));
    SUJIP_CHECK_OK(work(tasks, limits, config, today));
    report_.stopped = c_.options.stop != nullptr && c_.options.stop->load();
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
      const auto* gap = std::get_if<NotCollected>(&read);
      if (gap != nullptr) {
        // Without the list there is nothing to skip to: it is a failure whatever its class.
        std::get<NotCollected>(read).skipped = false;
        std::vector<Item> items;
        items.push_back(std::move(read));
        SUJIP_CHECK_OK(deliver(items));
        return false;
      }
      std::vector<Item> items;
      items.push_back(std::move(read));
      SUJIP_CHECK_OK(deliver(items));
    }
    return true;
  }

  // The account stream over all its partitions is one scope.
  Item read_all(Session& session, const Feed& feed, const Stream& stream, const Scope& scope) {
    struct All : Retriever {
      const Stream* inner = nullptr;
      Got<Records> read(Session& s, const Slice&) override {
        Records out;
        SUJIP_TRY(const std::vector<Value> partitions, inner->partitions(s));
        for (const Value& partition : partitions) {
          SUJIP_TRY(const std::vector<Slice> slices, inner->slices(s, partition));
          for (const Slice& slice : slices) {
            SUJIP_TRY(const auto records, inner->read_shared(s, slice));
            out.insert(out.end(), records->begin(), records->end());
          }
        }
        return out;
      }
    };
    auto all = std::make_shared<All>();
    all->inner = &stream;
    Stream whole;
    whole.name = stream.name;
    whole.retriever = all;
    Records records;
    Item item = collect_scope(c_, session, feed, whole, Slice{}, scope, &records);
    for (const Value& record : records) {
      Variables variables = session.variables(Slice{});
      variables.bind("record", &record);
      const auto id = c_.plan.account_id->text(variables);
      const auto name = c_.plan.account_name->text(variables);
      if (id.ok() && name.ok()) found_.push_back({id.value(), name.value(), ""});
    }
    return item;
  }

  Result<std::vector<AccountTask>> account_tasks(Session& session, StreamSet& streams) {
    SUJIP_CHECK_OK(c_.delivery.remember_accounts(found_));
    for (const Feed& feed : c_.plan.feeds) {
      if (feed.stage == Stage::account) continue;
      auto stream = streams.stream(feed.stream);
      if (!stream) {
        log::warn("{}: {}", c_.source.name, stream.error().message());
        continue;
      }
      const auto partitions = (*stream)->partitions(session);
      if (!partitions.ok()) return partitions.error().error;
      std::vector<AccountTask> tasks;
      std::set<std::string> seen;
      for (const Value& partition : partitions.value()) {
        const Value* id = partition.object().find(c_.plan.account_field);
        if (id == nullptr)
          return Error{"the partitions of '" + feed.stream + "' have no '" +
                           c_.plan.account_field + "'",
                       c_.manifest.file, "metadata.sujip.accounts.partition_field names it"};
        AccountTask task{python_text(*id), partition};
        if (seen.insert(task.account).second) tasks.push_back(std::move(task));
      }
      return tasks;
    }
    return std::vector<AccountTask>();
  }

  Status work(const std::vector<AccountTask>& tasks, RateLimits& limits, const Value& config,
              Day today) {
    Inbox inbox;
    const WorkerContext context{c_, limits, config, today,
                                [&](Item item) { inbox.put(std::move(item)); },
                                [&](AccountFound found) { inbox.put(std::move(found)); }};
    std::atomic<size_t> next{0};
    std::atomic<bool> give_up{false};
    const auto worker = [&] {
      for (size_t i = next++; i < tasks.size() && !give_up && !stopping(); i = next++) {
        try {
          collect_account(context, tasks[i]);
        } catch (const std::exception& problem) {
          const TimeMs now = c_.pace.wall_ms();
          inbox.put(NotCollected{{c_.source.name, tasks[i].account, "account_status", ""}, false,
                                 {"internal", {problem.what(), tasks[i].account,
                                               "this is an error of the program: report it"}},
                                 now, now});
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
        if (item->rows.empty())
          metrics::counter("empty_results_total", {{"medium", c_.source.name}}).Increment();
      } else {
        const auto& gap = std::get<NotCollected>(items[i]);
        progress.scope = gap.scope;
        progress.state = gap.skipped ? "skipped" : "failed";
        progress.message = sentence(gap.failure);
        ++(gap.skipped ? report_.skipped : report_.failed);
        if (!gap.skipped) {
          metrics::counter("run_failures_total",
                           {{"medium", c_.source.name}, {"reason", gap.failure.kind}}).Increment();
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

std::string manifest_file(const std::string& share, const std::string& connector) {
  return share + "/producers/connectors/" + connector + "/connector.yaml";
}

Status check_credentials(const ApiSource& source, const Plan& plan) {
  for (const std::string& name : plan.credentials) {
    const auto it = source.credentials.find(name);
    if (it == source.credentials.end() || it->second.empty())
      return Error{"the credential '" + name + "' is missing", source.name,
                   "set it with `sujip source add` or `sujip account add`"};
  }
  return {};
}

struct Prepared {
  Datasets datasets;
  Manifest manifest;
  Plan plan;
};

Result<std::unique_ptr<Prepared>> prepare(const ApiSource& source, const std::string& share) {
  SUJIP_TRY(Datasets datasets, Datasets::load(share + "/topics/datasets"));
  const std::string& connector = source.connector.empty() ? source.name : source.connector;
  SUJIP_TRY(Manifest manifest, Manifest::load(manifest_file(share, connector)));
  auto out = std::make_unique<Prepared>(Prepared{std::move(datasets), std::move(manifest), {}});
  SUJIP_TRY(out->plan, Plan::build(out->manifest, out->datasets, config_value(source)));
  SUJIP_CHECK_OK(check_credentials(source, out->plan));
  return out;
}

}  // namespace

Value config_value(const ApiSource& source) {
  Object config;
  for (const auto& [name, value] : source.config) config.set(name, Value(value));
  for (const auto& [name, secret] : source.credentials) config.set(name, Value(secret.reveal()));
  return Value(std::move(config));
}

Result<CollectReport> collect(const CollectContext& context) { return Collection(context).run(); }

Result<std::vector<Error>> check_connector(const std::string& share,
                                           const std::string& connector) {
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

Result<std::vector<AccountFound>> list_accounts(const ApiSource& source,
                                                const std::string& share) {
  // Collects the account stage into nothing.
  struct Nowhere : Delivery {
    std::vector<AccountFound> found;
    std::optional<Failure> failure;
    std::optional<KnownScope> known(const Scope&) const override { return std::nullopt; }
    Result<std::vector<bool>> deliver(const std::vector<Item>& items) override {
      for (const Item& item : items)
        if (const auto* gap = std::get_if<NotCollected>(&item)) failure = gap->failure;
      return std::vector<bool>(items.size());
    }
    Status remember_accounts(const std::vector<AccountFound>& accounts) override {
      found = accounts;
      return {};
    }
  };
  SUJIP_TRY(auto prepared, prepare(source, share));
  std::erase_if(prepared->plan.feeds, [](const Feed& f) { return f.stage != Stage::account; });
  HttpClient http;
  RealPace pace(nullptr);
  Nowhere nowhere;
  const CollectOptions options;
  SUJIP_TRY([[maybe_unused]] const CollectReport report,
            collect({source, options, prepared->manifest, prepared->plan, http, pace, nowhere}));
  if (nowhere.failure) return nowhere.failure->error;
  return std::move(nowhere.found);
}

Result<CollectReport> collect_api_source(const ApiSource& source, const CollectOptions& options,
                                         const Settings& settings, kafka::Producer& producer,
                                         pg::Connection& database) {
  SUJIP_TRY(const auto prepared, prepare(source, settings.share));
  SUJIP_TRY(const auto delivery, KafkaDelivery::open(producer, database, settings.prefix,
                                                     source.name, prepared->plan));
  HttpClient http;
  RealPace pace(options.stop);
  return collect({source, options, prepared->manifest, prepared->plan, http, pace, *delivery});
}

Result<CollectReport> collect_api_source(const ApiSource& source, const CollectOptions& options,
                                         const Settings& settings) {
  SUJIP_TRY(pg::Connection database, pg::Connection::open(settings.pg));
  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-collect";
  SUJIP_TRY(const auto producer, kafka::Producer::create(config));
  return collect_api_source(source, options, settings, *producer, database);
}

int64_t RealPace::steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
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
