#pragma once
// SIGTERM and SIGINT as a stop token. A second signal ends the process at once.

#include <chrono>
#include <stop_token>

namespace sujip {

// Installs the handlers at the first call. The token belongs to the process.
std::stop_token stop_on_signal();

// Returns after so long, or as soon as `stop` is asked for.
void pause_for(std::stop_token stop, std::chrono::milliseconds time);

}  // namespace sujip
