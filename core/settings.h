#pragma once
// What every command needs to know about its surroundings. Filled from the environment, overridden by
// options of the command line.

#include <string>

namespace sujip {

struct Settings {
  std::string kafka;               // SUJIP_KAFKA: bootstrap servers, host:port[,host:port]
  std::string pg;                  // SUJIP_PG: libpq URI
  std::string home;                // SUJIP_HOME: RocksDB and other local state
  std::string share;               // SUJIP_SHARE: topics/, producers/connectors/, sql/, monitoring/
  std::string metrics;             // SUJIP_METRICS: host:port of /metrics; empty = not served
  std::string board;               // SUJIP_BOARD: host:port of the board (monitor role)
  std::string prefix;              // SUJIP_PREFIX: before every topic, group and transactional id
  std::string instance;            // SUJIP_INSTANCE: stable name of this process among its like; default "0"
  std::string log_level = "info";  // SUJIP_LOG

  static Settings from_environment();
};

// host and port of "host:port".
struct HostPort {
  std::string host;
  unsigned short port = 0;
};
HostPort parse_host_port(const std::string& text, unsigned short default_port);

}  // namespace sujip
