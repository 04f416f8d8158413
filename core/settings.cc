#include "core/settings.h"

#include <cstdlib>
#include <filesystem>

namespace sujip {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name, std::string fallback) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : std::move(fallback);
}

// The share folder is recognised by the dataset declarations in it.
bool is_share(const fs::path& dir) { return fs::is_directory(dir / "topics" / "datasets"); }

std::string find_share() {
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  if (self.empty()) return {};
  const fs::path installed = self.parent_path().parent_path() / "share" / "sujip";
  if (is_share(installed)) return installed.string();
  for (fs::path dir = self.parent_path(); dir.has_relative_path(); dir = dir.parent_path())
    if (is_share(dir)) return dir.string();
  return {};
}

}  // namespace

Settings Settings::from_environment() {
  Settings s;
  s.kafka = environment("SUJIP_KAFKA", "127.0.0.1:29092");
  s.pg = environment("SUJIP_PG", "postgresql://postgres@127.0.0.1:25432/sujip");
  const std::string home = environment("HOME", "/var/lib");
  s.home = environment("SUJIP_HOME", home + "/.local/state/sujip");
  s.share = environment("SUJIP_SHARE", find_share());
  s.metrics = environment("SUJIP_METRICS", "");
  s.board = environment("SUJIP_BOARD", "127.0.0.1:8470");
  s.prefix = environment("SUJIP_PREFIX", "");
  s.instance = environment("SUJIP_INSTANCE", "0");
  s.log_level = environment("SUJIP_LOG", "info");
  return s;
}

HostPort parse_host_port(const std::string& text, unsigned short default_port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text, default_port};
  const int port = std::atoi(text.c_str() + colon + 1);
  if (port <= 0 || port > 65535) return {text.substr(0, colon), default_port};
  return {text.substr(0, colon), static_cast<unsigned short>(port)};
}

}  // namespace sujip
