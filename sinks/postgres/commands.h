#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip db migrate`, `sujip sink`, `sujip dead list|show|retry`
void add_sink_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
