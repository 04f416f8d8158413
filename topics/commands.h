#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip topics apply|diff|list|schema`
void add_topics_commands(CLI::App& app, const Settings& settings);
}  // namespace sujip
