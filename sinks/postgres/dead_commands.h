#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip::sink {
// `sujip dead list|show|retry`
void add_dead_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip::sink
