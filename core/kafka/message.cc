#include "core/kafka/message.h"

namespace sujip::kafka {

std::vector<Header> headers_of(const rd_kafka_message_t& m) {
  std::vector<Header> out;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
    out.push_back({name, {static_cast<const char*>(value), value == nullptr ? 0 : size}});
  return out;
}

std::optional<std::string_view> header_of(const rd_kafka_message_t& m, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return std::string_view(static_cast<const char*>(value), value == nullptr ? 0 : size);
}

int64_t timestamp_of(const rd_kafka_message_t& m) {
  rd_kafka_timestamp_type_t type;
  const int64_t at = rd_kafka_message_timestamp(&m, &type);
  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : at;
}

}  // namespace sujip::kafka
