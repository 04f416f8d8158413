#pragma once
// `sujip collect`: runs the sources that are due, once or for ever.

#include <stop_token>
#include <string>
#include <vector>

#include "core/settings.h"
#include "producers/collect_api.h"

namespace sujip {

struct CollectOptions {
  bool once = false;  // end when nothing is due
  bool guard = true;
  bool progress = false;             // also when stderr is no terminal
  std::vector<std::string> sources;  // empty: all that are enabled
  Backfill backfill;                 // of the sources, which all have an API then; goes with `once`
};

// Returns the exit code of the process. With `once` the last line of stdout is a JSON object:
// {"files":..,"rows":..,"skipped":..,"refused":[{"file","row","column","reason"}],"runs":..}.
// Ends within two seconds after `stop` is requested.
int run_collect(const Settings& settings, const CollectOptions& options, std::stop_token stop);

}  // namespace sujip
