#pragma once
// A record of any of our topics as a person, or a script, may see it: decoded, with secrets masked.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/kafka/message.h"

namespace sujip {

struct ShownRecord {
  std::string topic;  // without prefix
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::string>> headers;
  // Valid JSON, masked; nullopt: tombstone. A value that is no JSON is a JSON string of it.
  std::optional<std::string> value;

  std::string header(const std::string& name) const;  // "" when there is none
  std::string scope() const;                          // "" when it belongs to none
  // A header, or a member of the value: "amount", "after.amount"; a bare name is also looked for in
  // `after`, `before` and `source` of a change. Strings without quotes.
  std::optional<std::string> field(const std::string& name) const;
};

// `topic` without prefix.
ShownRecord show_record(const rd_kafka_message_t& message, const std::string& topic);
// The same of its parts; place and time are left to the caller.
ShownRecord show_parts(const std::string& topic, std::optional<std::string_view> key,
                       std::optional<std::string_view> value, std::span<const kafka::Header> headers);

// One line for people; longer values are cut to `width` unless it is 0.
std::string to_line(const ShownRecord& record, size_t width);
// One JSON object with everything.
std::string to_json(const ShownRecord& record);

}  // namespace sujip
