#pragma once
// Reading scope.run as it stands, and deciding held runs.

#include <map>
#include <string>
#include <vector>

#include "core/settings.h"
#include "topics/messages.h"

namespace sujip {

// The last record of every run, in order of scope and run.
Result<std::vector<ScopeRun>> read_scope_runs(const Settings& settings);

// Writes the decision into the raw topic and waits until the processors have acted on it. `run` "" =
// the held run of the scope. Returns the run as it then stands.
Result<ScopeRun> decide_held_run(const Settings& settings, const std::string& subject, const std::string& run,
                                 Decision decision, const std::string& reason, int timeout_ms);

}  // namespace sujip
