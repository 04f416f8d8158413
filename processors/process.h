#pragma once
// The process role: the lanes of every generation that is kept in step. It looks for them every second, so
// a swap or a drop needs no restart.

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/settings.h"

namespace sujip {

struct ProcessOptions {
  int lanes = 1;  // threads of the entity and of the rollup stage
  int commit_interval_ms = 30;
  int session_timeout_ms = 10000;  // until the partitions of a process that died go to others
  int64_t cache_mb = 384;          // memory of all tasks' state together
};

// What a replay adds to the instance of the process that carries its generation on, and finds its state there.
inline constexpr std::string_view kReplaySuffix = "-replay";

// The folder of a process's local state begins with this; its instance follows.
std::string state_folder_stem(const Settings& settings, int generation = 1);

// Runs until SIGTERM or SIGINT. Registered by the caller: see core/stop_signal.h.
Status run_process(const Settings& settings, const ProcessOptions& options);

}  // namespace sujip
