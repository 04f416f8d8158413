#pragma once
// The process role: all stages of the topology, each in its lanes.

#include "core/result.h"
#include "core/settings.h"

namespace sujip {

struct ProcessOptions {
  int lanes = 1;  // threads of the entity and of the rollup stage
  int commit_interval_ms = 20;
  int session_timeout_ms = 10000;  // until the partitions of a process that died go to others
  int64_t cache_mb = 256;  // memory of all tasks' state together
};

// The folder of a process's local state begins with this; its instance follows.
std::string state_folder_stem(const Settings& settings);

// Runs until SIGTERM or SIGINT. Registered by the caller: see core/stop_signal.h.
Status run_process(const Settings& settings, const ProcessOptions& options);

}  // namespace sujip
