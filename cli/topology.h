#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip topology`: stages, topics and tables as the program is made, as text or as a graph.
void add_topology_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
