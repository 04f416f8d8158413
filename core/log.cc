#include "core/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace sujip::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("sujip", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%H:%M:%S.%e %-5l %v");
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

}  // namespace

void start(std::string_view role, std::string_view level) {
  logger().set_pattern("%H:%M:%S.%e %-5l " + std::string(role) + ": %v");
  logger().set_level(spdlog::level::from_str(std::string(level)));
}

void write(Level level, std::string_view text) { logger().log(to_spdlog(level), text); }

bool enabled(Level level) { return logger().should_log(to_spdlog(level)); }

}  // namespace sujip::log
