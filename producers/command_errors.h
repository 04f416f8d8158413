#pragma once
// What the commands of this room share: how they end early, and their database.

#include <string>

#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/postgres/connection.h"
#include "core/settings.h"
#include "producers/registry/runner_lock.h"

namespace sujip::command {

inline constexpr CommandEnd kEnd{""};

inline pg::Connection database(const Settings& settings, const std::string& command) {
  pg::ConnectOptions options;
  options.application_name = registry::runner_name(command);
  return kEnd.value(pg::Connection::open(settings.pg, options), kExitEnvironment);
}

}  // namespace sujip::command
