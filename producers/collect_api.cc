#include "producers/collect_api.h"

#include <fmt/format.h>

#include <atomic>

#include "core/expressions/value.h"
#include "core/log.h"

namespace sujip {
namespace {

Result<engine::ApiSource> load(pg::Connection& db, const registry::Source& source) {
  engine::ApiSource out;
  out.name = source.name;
  out.connector = source.connector;
  SUJIP_TRY(const Value config, parse_json(source.config));
  if (config.is_object())
    for (const auto& [name, value] : config.object())
      if (value.is_string()) out.config[name] = value.string();
  SUJIP_TRY(const auto rows,
            db.query("select name, value from sujip.credential where source = $1 and account = ''",
                     source.name));
  for (int i = 0; i < rows.size(); ++i)
    out.credentials.emplace(rows.text(i, 0), Secret(std::string(rows.text(i, 1))));
  return out;
}

}  // namespace

Result<engine::CollectReport> collect_api_source(const Settings& settings, pg::Connection& db,
                                                 const registry::Source& source, bool once,
                                                 std::stop_token stop,
                                                 const std::function<void(const std::string&)>& show) {
  SUJIP_TRY(const engine::ApiSource api, load(db, source));
  std::atomic<bool> stopped = false;
  const std::stop_callback on_stop(stop, [&] { stopped = true; });
  int64_t scopes = 0;
  int64_t rows = 0;
  engine::CollectOptions options;
  options.once_a_day = !once;
  options.trigger = "schedule";
  options.stop = &stopped;
  options.progress = [&](const engine::CollectProgress& p) {
    ++scopes;
    rows += p.rows;
    show(fmt::format("{}: {} scopes, {} rows, {} {}", source.name, scopes, rows, p.scope.subject(), p.state));
    if (p.state == "failed") log::warn("{}: {}", p.scope.subject(), p.message);
  };
  return engine::collect_api_source(api, options, settings);
}

}  // namespace sujip
