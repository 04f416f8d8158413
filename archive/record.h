#pragma once
// One record of a topic, as it lies in a segment: everything a reader of the topic can see. A null key,
// value or header value is not an empty one.
//
// Layout (never change it without a new segment format), numbers as varints:
//   1  offset - previous offset  zigzag(timestamp)  text(key)  text(value)
//   number of headers  { length name text(value) }
//   text: 0 for null, else length + 1 and the bytes
// Behind the last record: 0  number of records  last offset.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/kafka/message.h"

namespace sujip::archive {

struct ArchivedRecord {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;  // 0: the record has none
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // nullopt: tombstone
  std::vector<kafka::Header> headers;     // data() == nullptr: null
};

// Views into the message.
void read_message(const rd_kafka_message_t& message, ArchivedRecord& out);

void append_record(std::string& out, const ArchivedRecord& record, int64_t previous_offset);
void append_end(std::string& out, int64_t records, int64_t last_offset);

// Reads one record or the end. `out` has views into `in`.
struct ReadRecord {
  enum class Kind { record, end, damaged };
  Kind kind = Kind::damaged;
  int64_t records = 0;      // of `end`
  int64_t last_offset = 0;  // of `end`
};
ReadRecord read_record(std::string_view& in, int64_t previous_offset, ArchivedRecord& out);

}  // namespace sujip::archive
