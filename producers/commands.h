#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// sujip source, account, upload, collect
void add_producer_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
