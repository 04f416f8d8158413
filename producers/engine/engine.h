#pragma once
// Collecting a source whose connector is a manifest: accounts, then the status of each, then its
// reports; accounts beside each other, the days of one account in turn.

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/calendar.h"
#include "core/http/client.h"
#include "core/kafka/producer.h"
#include "core/postgres/connection.h"
#include "core/settings.h"
#include "producers/engine/delivery.h"
#include "producers/engine/secret.h"
#include "producers/engine/session.h"

namespace sujip::engine {

class ToldScopes;

struct ApiSource {
  std::string name;                           // the source, as in scopes
  std::string connector;                      // folder below producers/connectors; empty: the name
  std::map<std::string, std::string> config;  // base_url, customer, …
  std::map<std::string, Secret> credentials;
};

struct CollectProgress {
  Scope scope;
  std::string state;  // collected, same, skipped, failed
  int64_t rows = 0;
  std::string message;  // of skipped and failed
};

struct CollectOptions {
  int days = 0;                       // how far back to look for days never collected; 0: the connector's
  std::optional<Day> from, to;        // instead of days; `to` alone has no meaning
  std::vector<std::string> accounts;  // empty: all
  std::optional<Day> today;           // otherwise today in Seoul
  bool force = false;                 // also days that are collected already
  bool once_a_day = false;            // leave days alone that were collected since midnight in Seoul
  bool guard = true;                  // hold snapshots that would delete too much
  ToldScopes* told = nullptr;         // only what is news to it goes to run.log; null: everything
  std::string trigger = "manual";     // label of the metric: manual, schedule
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const CollectProgress&)> progress;  // called from the calling thread
};

struct CollectReport {
  int accounts = 0;
  int64_t collected = 0, same = 0, skipped = 0, failed = 0;  // scopes
  int64_t rows = 0, bytes = 0;
  std::vector<CollectProgress> gaps;          // every skipped and failed scope with its reason
  std::vector<std::string> unknown_accounts;  // asked for, but the vendor does not list them
  bool stopped = false;
  bool complete() const { return failed == 0 && !stopped; }
};

// The streams a manifest can't run and why; empty = all run. For `source test`.
Result<std::vector<Error>> check_connector(const std::string& share, const std::string& connector);
// True when the connector of this name is a manifest (and not a file feed).
bool is_api_connector(const std::string& share, const std::string& connector);

// An error is one of the surroundings (broker, database, connector); what goes wrong with a vendor is
// in the report, in run.log and in the log.
Result<CollectReport> collect_api_source(const ApiSource& source, const CollectOptions& options,
                                         const Settings& settings, kafka::Producer& producer, pg::Connection& database);

// The collection itself, for tests: everything it touches is given.
struct CollectContext {
  const ApiSource& source;
  const CollectOptions& options;
  const Manifest& manifest;
  const Plan& plan;
  HttpTransport& http;
  Pace& pace;
  Delivery& delivery;
};
Result<CollectReport> collect(const CollectContext& context);

// Config with the credentials, as templates see it.
Value config_value(const ApiSource& source);

// Real time; wait() returns false as soon as `stop` is set.
class RealPace : public Pace {
 public:
  explicit RealPace(const std::atomic<bool>* stop) : stop_(stop) {}
  int64_t steady_ms() override;
  TimeMs wall_ms() override;
  bool wait(int64_t ms) override;

 private:
  const std::atomic<bool>* stop_;
};

}  // namespace sujip::engine
