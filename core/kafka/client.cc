#include "core/kafka/client.h"

#include <array>
#include <chrono>
#include <map>
#include <mutex>

#include "core/log.h"

namespace sujip::kafka {

std::string to_string(const TopicPartition& tp) { return tp.topic + "/" + std::to_string(tp.partition); }

CallError CallError::take(rd_kafka_error_t* error) {
  CallError out;
  if (error == nullptr) return out;
  out.code = rd_kafka_error_code(error);
  out.text = rd_kafka_error_string(error);
  out.fatal = rd_kafka_error_is_fatal(error) != 0;
  out.retriable = rd_kafka_error_is_retriable(error) != 0;
  out.abort = rd_kafka_error_txn_requires_abort(error) != 0;
  rd_kafka_error_destroy(error);
  return out;
}

Result<rd_kafka_conf_t*> make_conf(const Config& base, const Config& overrides) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> reason{};
  // A broker that comes back is found within a second; by default the pauses between two tries grow to ten.
  const Config common = {{"reconnect.backoff.max.ms", "1000"}};
  for (const Config* part : {&common, &base, &overrides}) {
    for (const auto& [name, value] : *part) {
      if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size()) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return Error{std::string("Kafka setting refused: ") + reason.data(), name, ""};
      }
    }
  }
  rd_kafka_conf_set_log_cb(conf, log_callback);
  return conf;
}

void log_callback(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  using Clock = std::chrono::steady_clock;
  static std::mutex mutex;
  static std::map<std::string, Clock::time_point> last;
  const std::string line = std::string(client != nullptr ? rd_kafka_name(client) : "") + " " + facility + " " + text;
  // "Coordinator load in progress" and the like belong to every start.
  const bool usual = line.find("retrying") != std::string::npos || std::string_view(facility) == "GETPID";
  if (level > 4 || usual) {
    log::debug("kafka: {}", line);
    return;
  }
  {
    const std::lock_guard lock(mutex);
    auto& at = last[facility];
    const auto now = Clock::now();
    if (at != Clock::time_point{} && now - at < std::chrono::minutes(1)) return;
    at = now;
  }
  log::warn("kafka: {}", line);
}

Error broker_error(const std::string& bootstrap, std::string_view what) {
  return Error{std::string(what), "Kafka at " + bootstrap, "is the broker running? SUJIP_KAFKA or --kafka names it"};
}

}  // namespace sujip::kafka
