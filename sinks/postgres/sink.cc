#include "sinks/postgres/sink.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include "core/log.h"
#include "core/metrics.h"
#include "sinks/postgres/schema.h"
#include "sinks/postgres/tables.h"
#include "topics/catalogue.h"

namespace sujip::sink {
namespace {

using namespace std::chrono_literals;

constexpr auto kRound = 250ms;
constexpr int kDiscoverRounds = 20;  // topics are looked for every 5 s

std::string owner_name(const Settings& settings) {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return fmt::format("{}@{}:{}-{:x}", settings.instance, host.data(), getpid(), now_ms());
}

int writer_count(int asked) {
  if (asked > 0) return asked;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 4);
}

pg::ConnectOptions session_options() {
  pg::ConnectOptions options;
  options.application_name = "sujip sink";
  options.session = {{"lock_timeout", "2s"}, {"jit", "off"}, {"client_min_messages", "warning"}};
  return options;
}

}  // namespace

Work declared_work(const Datasets& datasets, const topics::Names& names) {
  Work work;
  work.names = names;
  work.sink = names.group("sink");
  work.tables = declared_tables(datasets, names.schema());
  work.runs = true;
  const auto target = [&](std::string_view topic, Role role, Table table) {
    table.schema = names.schema();
    work.targets[names.topic(topic)] = {role, std::move(table)};
  };
  for (const Dataset& dataset : datasets.all()) {
    Table table = dataset_table(dataset);
    if (dataset.name == "product")
      target(dataset.change_topic(), Role::product_change, with_prices_before(std::move(table)));
    else
      target(dataset.change_topic(), Role::change, std::move(table));
    if (dataset.has_rollup()) target(dataset.rollup_topic(), Role::rollup, rollup_table(dataset));
  }
  target(topics::kScopeRun, Role::scope_run, change_log_table());
  target(topics::kDeadLetter, Role::dead_letter, dead_letter_table());
  work.targets[names.topic(topics::kRunLog)] = {Role::run_log, run_log_table()};
  return work;
}

Work collectors_work(const std::string& prefix, const topics::LiveGenerations& live) {
  const topics::Names first(prefix);
  Work work;
  work.names = topics::Names(prefix, topics::live_generation(live, ""));
  work.sink = first.group("sink");
  work.targets[first.topic(topics::kRunLog)] = {Role::run_log, run_log_table()};
  return work;
}

Work mapped_work(const Mapping& mapping, const std::string& prefix, const topics::LiveGenerations& live) {
  const topics::Names first(prefix);
  Work work;
  work.names = topics::Names(prefix, topics::live_generation(live, ""));
  work.sink = first.group("sink") + "-" + mapping.sink;
  work.tables = mapping.tables();
  for (const auto& [topic, target] : mapping.targets) {
    const std::string name = first.plain(topic);
    const std::string dataset = topic == first.topic(name) ? topics::dataset_of_rows(name) : "";
    const topics::Names shown(prefix, topics::live_generation(live, dataset));
    work.targets.emplace(dataset.empty() ? topic : shown.topic(name), target);
  }
  return work;
}

Sink::Sink(const Settings& settings, Work work, SinkOptions options, std::shared_ptr<const topics::Liveness> live)
    : settings_(settings),
      work_(std::move(work)),
      options_(options),
      live_(std::move(live)),
      owner_(owner_name(settings)),
      progress_(work_.sink, owner_),
      members_(progress_.sink(), owner_),
      dead_(settings.kafka, work_.names),
      loads_(work_.names, live_) {}

Sink::~Sink() = default;

Status Sink::open() {
  SUJIP_TRY(auto opened, pg::Connection::open(settings_.pg, session_options()));
  connection_ = std::move(opened);
  SUJIP_TRY(auto ready, connection_->query("select to_regclass('sujip.generation') is not null"));
  if (!ready.boolean(0, 0)) {
    return Error{"the schema is not there yet", connection_->where(), "run `sujip db migrate`"};
  }
  SUJIP_TRY(const auto report, ensure_tables(*connection_, work_.tables));
  for (const std::string& table : report.created) log::info("table {} created", table);
  for (const std::string& column : report.added) log::info("column {} added", column);
  for (const std::string& table : report.whole)
    log::info("table {} is in one piece, not by month: `sujip replay` makes it anew (docs/generations.md)", table);
  return members_.join(*connection_);
}

Status Sink::run(const std::atomic<bool>& stop) {
  SUJIP_CHECK_OK(open());
  SUJIP_TRY(admin_, kafka::Admin::create(settings_.kafka));
  kafka::ConsumerConfig marks;
  marks.bootstrap = settings_.kafka;
  marks.client_id = "sujip-sink-offsets";
  SUJIP_TRY(marks_, kafka::Consumer::create(marks));
  WorkerConfig config;
  config.kafka = settings_.kafka;
  config.pg = settings_.pg;
  config.batch_rows = options_.batch_rows;
  config.gather_ms = options_.gather_ms;
  config.batch_bytes = options_.batch_bytes;
  config.live = live_;
  const int writers = writer_count(options_.writers);
  config.queue_kbytes = std::max(8192, 32768 / writers);
  for (int i = 0; i < writers; ++i) {
    workers_.push_back(std::make_unique<Worker>(i, config, progress_, dead_));
    workers_.back()->start();
  }
  log::info("sink {} with {} writers", owner_, writers);
  Status ended;
  std::string told;
  while (!stop) {
    Status done = connection_ ? round() : open();
    if (done) {
      told.clear();
    } else {
      const std::string text = done.error().message();
      if (text != told) log::error("{}; trying again until it works", text);
      told = text;
      if (connection_ && !connection_->connected()) connection_.reset();
    }
    if (const auto error = fatal()) {
      ended = *error;
      break;
    }
    std::this_thread::sleep_for(done ? kRound : 2 * kRound);
  }
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  if (connection_) (void)members_.leave(*connection_);
  return ended;
}

Status Sink::round() {
  SUJIP_TRY(const auto members, members_.beat(*connection_));
  if (rounds_++ % kDiscoverRounds == 0 || partitions_.empty()) SUJIP_CHECK_OK(discover());
  SUJIP_TRY(const auto rows, progress_.all(*connection_));
  SUJIP_CHECK_OK(share(members, rows));
  // One of the sinks is enough.
  if (!members.empty() && members.front().owner == owner_) {
    if (work_.runs && (!live_ || live_->any())) {
      SUJIP_TRY([[maybe_unused]] const int arrived, loads_.check(*connection_, *admin_, partitions_, rows));
    }
    if (rounds_ % kDiscoverRounds == 1) export_lag(rows);
  }
  return {};
}

Status Sink::discover() {
  SUJIP_TRY(partitions_, admin_->topics());
  SUJIP_TRY(const auto rows, progress_.all(*connection_));
  std::set<kafka::TopicPartition> known;
  for (const ProgressRow& row : rows) known.insert(row.tp);
  for (const auto& [topic, target] : work_.targets) {
    if (partitions_.contains(topic)) {
      missed_.erase(topic);
    } else if (target.table.foreign && missed_.insert(topic).second) {
      log::warn("topic {} is not there yet", topic);
    }
  }
  std::vector<Claim> fresh;
  for (const auto& [topic, count] : partitions_) {
    if (!work_.targets.contains(topic)) continue;
    for (int32_t p = 0; p < count; ++p) {
      const kafka::TopicPartition tp{topic, p};
      if (known.contains(tp)) continue;
      SUJIP_TRY(const auto marks, marks_->watermarks(tp, 5000));
      fresh.push_back({tp, 0, marks.low});
    }
  }
  return progress_.add(*connection_, fresh);
}

Status Sink::share(const std::vector<Member>& members, const std::vector<ProgressRow>& rows) {
  std::set<std::string> live;
  size_t place = members.size();
  for (size_t i = 0; i < members.size(); ++i) {
    live.insert(members[i].owner);
    if (members[i].owner == owner_) place = i;
  }
  if (place == members.size()) return {};  // taken for dead; the next beat joins again
  std::map<kafka::TopicPartition, Worker*> held;
  for (const auto& worker : workers_) {
    for (const auto& tp : worker->holds()) held[tp] = worker.get();
  }
  for (const ProgressRow& row : rows) {
    const auto target = work_.targets.find(row.tp.topic);
    const auto topic = partitions_.find(row.tp.topic);
    if (target == work_.targets.end() || topic == partitions_.end() || row.tp.partition >= topic->second) {
      continue;
    }
    const bool ours = place_of(row.tp, members.size()) == place;
    const auto holder = held.find(row.tp);
    if (holder != held.end()) {
      if (!ours) holder->second->take_back(row.tp);
      continue;
    }
    // A live owner gives it back by itself; ours that no writer holds was lost on the way.
    if (row.owner && *row.owner != owner_ && live.contains(*row.owner)) continue;
    if (!ours) {
      // The writer that gave it back had no session to say so: then whose it is would wait for us for good.
      if (row.owner == owner_) SUJIP_CHECK_OK(progress_.release(*connection_, row.tp, row.epoch));
      continue;
    }
    SUJIP_TRY(const auto claim, progress_.claim(*connection_, row.tp, row.epoch));
    if (!claim) continue;
    workers_[writer_of(row.tp, members.size(), workers_.size())]->give(*claim, target->second);
  }
  return {};
}

void Sink::export_lag(const std::vector<ProgressRow>& rows) {
  std::map<std::string, std::vector<int64_t>> ends;
  for (const ProgressRow& row : rows) {
    const auto topic = partitions_.find(row.tp.topic);
    if (topic == partitions_.end() || !work_.targets.contains(row.tp.topic)) continue;
    auto found = ends.find(row.tp.topic);
    if (found == ends.end()) {
      auto offsets = admin_->end_offsets(row.tp.topic, topic->second, 2000);
      if (!offsets) return;
      found = ends.emplace(row.tp.topic, *offsets).first;
    }
    const auto p = static_cast<size_t>(row.tp.partition);
    if (p >= found->second.size()) continue;
    metrics::gauge("consumer_lag", {{"topic", row.tp.topic}, {"partition", std::to_string(row.tp.partition)}})
        .Set(static_cast<double>(std::max<int64_t>(0, found->second[p] - row.next_offset)));
  }
}

std::optional<Error> Sink::fatal() const {
  for (const auto& worker : workers_) {
    if (auto error = worker->fatal()) return error;
  }
  return std::nullopt;
}

}  // namespace sujip::sink
