#pragma once
// One pass over a source whose connector is a manifest.

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/calendar.h"
#include "core/postgres/connection.h"
#include "core/settings.h"
#include "producers/engine/engine.h"
#include "producers/engine/told_scopes.h"
#include "producers/registry/sources.h"

namespace sujip {

// Which part of a source a person asks for. Everything empty: what is due.
struct Backfill {
  std::vector<std::string> accounts;  // empty: all
  int days = 0;                       // up to yesterday; 0: the connector's
  std::optional<Day> from, to;        // both or none; instead of days
  bool force = false;                 // also days that are collected already

  bool is_given() const { return !accounts.empty() || days > 0 || from || to || force; }
};

struct ApiPass {
  bool once = true;  // a single look; otherwise days are asked for once a day
  bool guard = true;
  Backfill backfill;
};

struct ApiOutcome {
  std::string held_by;  // another collector has the source; nothing was done
  bool enabled = true;
  std::chrono::seconds every{60};  // until the next look
  engine::CollectReport report;
};

// The registered source as the engine wants it, with its settings and credentials.
Result<engine::ApiSource> load_api_source(pg::Connection& db, const registry::Source& source);

// A pass over the registered source of this name, with connections of its own and under the source's
// lock. `told` as in engine::CollectOptions. An error is one of the surroundings.
Result<ApiOutcome> collect_api_source(const Settings& settings, const std::string& name, const ApiPass& pass,
                                      engine::ToldScopes* told, std::stop_token stop);

}  // namespace sujip
