#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip monitor` and `sujip metrics list`
void add_monitoring_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
