#include "producers/collect_api.h"

#include <atomic>

#include "core/expressions/value.h"
#include "core/log.h"
#include "producers/files/connector_file.h"
#include "producers/registry/runner_lock.h"

namespace sujip {

Result<engine::ApiSource> load_api_source(pg::Connection& db, const registry::Source& source) {
  engine::ApiSource out;
  out.name = source.name;
  out.connector = source.connector;
  SUJIP_TRY(const Value config, parse_json(source.config));
  if (config.is_object())
    for (const auto& [name, value] : config.object())
      if (value.is_string()) out.config[name] = value.string();
  SUJIP_TRY(const auto rows,
            db.query("select name, value from sujip.credential where source = $1 and account = ''", source.name));
  for (int i = 0; i < rows.size(); ++i) out.credentials.emplace(rows.text(i, 0), Secret(std::string(rows.text(i, 1))));
  return out;
}

Result<ApiOutcome> collect_api_source(const Settings& settings, const std::string& name, const ApiPass& pass,
                                      engine::ToldScopes* told, std::stop_token stop) {
  pg::ConnectOptions how;
  how.application_name = registry::runner_name("collect");
  SUJIP_TRY(pg::Connection db, pg::Connection::open(settings.pg, how));
  SUJIP_TRY(const auto source, registry::find_source(db, name));
  if (!source) return Error{"no such source", name, "see `sujip source list`"};
  ApiOutcome outcome;
  outcome.enabled = source->enabled;
  if (const auto every = feeds::parse_interval(source->every)) outcome.every = *every;
  if (!pass.once && !source->enabled) return outcome;
  // Held as long as this connection, so until the pass is over.
  SUJIP_TRY(outcome.held_by, registry::lock_source(db, name));
  if (!outcome.held_by.empty()) return outcome;

  SUJIP_TRY(const engine::ApiSource api, load_api_source(db, *source));
  kafka::ProducerConfig config;
  config.bootstrap = settings.kafka;
  config.client_id = "sujip-collect";
  config.prefix = settings.prefix;
  SUJIP_TRY(const auto producer, kafka::Producer::create(config));
  std::atomic<bool> stopped = false;
  const std::stop_callback on_stop(stop, [&] { stopped = true; });
  engine::CollectOptions options;
  options.accounts = pass.backfill.accounts;
  options.days = pass.backfill.days;
  options.from = pass.backfill.from;
  options.to = pass.backfill.to;
  options.force = pass.backfill.force;
  options.once_a_day = !pass.once;
  options.guard = pass.guard && source->guard;
  options.trigger = pass.backfill.is_given() ? "manual" : "schedule";
  options.told = told;
  options.stop = &stopped;
  options.progress = [](const engine::CollectProgress& p) {
    log::debug("{}: {}, {} rows", p.scope.subject(), p.state, p.rows);
  };
  SUJIP_TRY(outcome.report, engine::collect_api_source(api, options, settings, *producer, db));
  return outcome;
}

}  // namespace sujip
