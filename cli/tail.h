#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip tail TOPIC`: the records of a topic, decoded and filtered.
void add_tail_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
