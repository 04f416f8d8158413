#include "monitoring/evaluator.h"

#include "core/http/metrics_server.h"
#include "core/log.h"
#include "core/metrics.h"
#include "monitoring/health_metrics.h"

namespace sujip::monitoring {

Evaluator::Evaluator(Options options, http::EventHub& hub)
    : options_(std::move(options)), hub_(hub), metrics_(std::make_shared<HealthMetrics>()) {
  add_metrics_source(metrics_);
}

Evaluator::~Evaluator() { stop(); }

void Evaluator::start() {
  thread_ = std::thread([this] { loop(); });
}

void Evaluator::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Snapshot Evaluator::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

Status Evaluator::evaluate(pg::Connection& connection) {
  SUJIP_TRY(auto read, read_board(connection));
  auto data = std::make_shared<const BoardData>(std::move(read));
  metrics_->set(data);
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = snapshot_.data == nullptr || snapshot_.data->version != data->version || snapshot_.stale;
    snapshot_ = {data, false};
  }
  if (changed) hub_.publish(data->version, "board", data->version);
  return {};
}

Status Evaluator::round(std::optional<pg::Connection>& connection) {
  if (!connection || !connection->connected()) {
    pg::ConnectOptions options;
    options.application_name = "sujip monitor";
    options.session = {{"statement_timeout", "30s"}};
    SUJIP_TRY(connection, pg::Connection::open(options_.pg, options));
    fingerprint_.clear();
  }
  SUJIP_TRY(std::string fingerprint, read_fingerprint(*connection));
  const auto now = std::chrono::steady_clock::now();
  if (fingerprint == fingerprint_ && now - evaluated_ < options_.at_least) return {};
  SUJIP_CHECK_OK(evaluate(*connection));
  fingerprint_ = std::move(fingerprint);
  evaluated_ = now;
  return {};
}

void Evaluator::loop() {
  std::optional<pg::Connection> connection;
  std::string told;  // each trouble is logged once
  while (true) {
    const Status done = round(connection);
    if (!done) {
      connection.reset();
      const std::string text = done.error().message();
      if (text != told) log::warn("evaluating health: {}", text);
      told = text;
      const std::lock_guard lock(mutex_);
      snapshot_.stale = true;
    } else if (!told.empty()) {
      log::info("evaluating health again");
      told.clear();
    }
    metrics::gauge("board_clients").Set(hub_.clients());
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, options_.every, [this] { return stopping_; })) return;
  }
}

}  // namespace sujip::monitoring
