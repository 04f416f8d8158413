#pragma once
// Read access to a consumed message. Views live as long as the message.

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string_view>
#include <vector>

namespace sujip::kafka {

struct Header {
  std::string_view name;
  std::string_view value;
};

inline std::string_view key_of(const rd_kafka_message_t& m) {
  return {static_cast<const char*>(m.key), m.key == nullptr ? 0 : m.key_len};
}
inline std::string_view value_of(const rd_kafka_message_t& m) {
  return {static_cast<const char*>(m.payload), m.payload == nullptr ? 0 : m.len};
}
inline bool is_tombstone(const rd_kafka_message_t& m) { return m.payload == nullptr; }

// All headers in order; a null value has data() == nullptr.
std::vector<Header> headers_of(const rd_kafka_message_t& m);

// The last header of that name.
std::optional<std::string_view> header_of(const rd_kafka_message_t& m, const char* name);

// Broker or client timestamp in ms since epoch; 0 when there is none.
int64_t timestamp_of(const rd_kafka_message_t& m);

}  // namespace sujip::kafka
