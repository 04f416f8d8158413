#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip reset`: forget everything that can be made again from the raw topics.
void add_reset_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
