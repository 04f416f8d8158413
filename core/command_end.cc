#include "core/command_end.h"

#include <fmt/format.h>

#include <CLI/Error.hpp>
#include <cstdio>

namespace sujip {

void CommandEnd::leave(const Error& error, int code) const {
  fmt::print(stderr, "sujip{}{}: {}\n", command_.empty() ? "" : " ", command_, error.message());
  throw CLI::RuntimeError(code);
}

}  // namespace sujip
