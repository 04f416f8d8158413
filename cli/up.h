#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip up`: all roles on this machine, supervised.
void add_up_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
