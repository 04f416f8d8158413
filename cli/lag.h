#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip lag`: how far each reader is behind the end of what it reads.
void add_lag_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
