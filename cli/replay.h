#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip replay`
void add_replay_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
