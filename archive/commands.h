#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip archive DIR`, `sujip archive verify DIR`, `sujip restore DIR`
void add_archive_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
