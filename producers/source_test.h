#pragma once
// `sujip source test`: what would be collected, or what is wrong with the source; changes nothing.

#include <CLI/App.hpp>

#include "core/settings.h"

namespace sujip {

void add_source_test_command(CLI::App& group, const Settings& settings);

}  // namespace sujip
