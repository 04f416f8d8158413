#pragma once
// How a command ends early: a line on stderr that begins with its name, and an exit code scripts can use.

#include <string_view>
#include <utility>

#include "core/result.h"

namespace sujip {

class CommandEnd {
 public:
  // "sujip COMMAND: ..."; "": "sujip: ...". The text must outlive the object.
  explicit constexpr CommandEnd(std::string_view command) : command_(command) {}

  // Throws CLI::RuntimeError, of which main makes the exit code (core/exit_codes.h).
  [[noreturn]] void leave(const Error& error, int code) const;
  template <class T>
  T value(Result<T> result, int code) const {
    if (!result.ok()) leave(result.error(), code);
    return std::move(result).value();
  }
  void check(const Status& status, int code) const {
    if (!status.ok()) leave(status.error(), code);
  }

 private:
  std::string_view command_;
};

}  // namespace sujip
