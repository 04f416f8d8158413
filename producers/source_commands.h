#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// sujip source add|list|test
void add_source_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
