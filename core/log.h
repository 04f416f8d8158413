#pragma once
// Logging to stderr, one line a thing: time (Asia/Seoul), level, role, text. A healthy run is quiet.
// Levels mean operator actions: error = somebody must act, warn = look when there is time,
// info = the life of the process, debug = for developers. Secrets never reach a format argument.

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace sujip::log {

enum class Level { debug, info, warn, error };

// Sets the role shown in each line and the lowest level. Call once, early.
void start(std::string_view role, std::string_view level);
void write(Level level, std::string_view text);
bool enabled(Level level);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sujip::log
