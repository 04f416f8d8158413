#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip process` and `sujip scope list|release|reject`
void add_processors_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
