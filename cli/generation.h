#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip generation list|diff|swap|drop`
void add_generation_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
