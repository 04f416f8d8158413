#pragma once
// How commands of this room end early: a line on stderr and an exit code scripts can use.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "core/exit_codes.h"
#include "core/postgres/connection.h"
#include "core/result.h"
#include "core/settings.h"
#include "producers/registry/runner_lock.h"

namespace sujip::command {

[[noreturn]] inline void stop(const Error& error, int code) {
  fmt::print(stderr, "sujip: {}\n", error.message());
  throw CLI::RuntimeError(code);
}

template <class T>
T value(Result<T> result, int code) {
  if (!result.ok()) stop(result.error(), code);
  return std::move(result).value();
}

inline void check(const Status& status, int code) {
  if (!status.ok()) stop(status.error(), code);
}

inline pg::Connection database(const Settings& settings, const std::string& command) {
  pg::ConnectOptions options;
  options.application_name = registry::runner_name(command);
  return value(pg::Connection::open(settings.pg, options), kExitEnvironment);
}

}  // namespace sujip::command
