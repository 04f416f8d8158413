#pragma once
#include "core/settings.h"

namespace CLI {
class App;
}

namespace sujip {
// `sujip doctor`: is everything there that sujip needs? Each line says what to do.
void add_doctor_command(CLI::App& app, const Settings& settings);
}  // namespace sujip
