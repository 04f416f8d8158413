#pragma once
// One pass over a source whose connector is a manifest.

#include <stop_token>

#include "core/postgres/connection.h"
#include "core/settings.h"
#include "producers/collect.h"
#include "producers/engine/engine.h"
#include "producers/registry/sources.h"

namespace sujip {

// Settings and credentials come from the registry. `show` gets a text for the progress line.
Result<engine::CollectReport> collect_api_source(const Settings& settings, pg::Connection& db,
                                                 const registry::Source& source, bool once,
                                                 std::stop_token stop,
                                                 const std::function<void(const std::string&)>& show);

}  // namespace sujip
