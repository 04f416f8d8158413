#pragma once
// The headers of a raw record: CloudEvents 1.0 in Kafka's binary mode, plus ce_run.
// https://github.com/cloudevents/spec, "Kafka Protocol Binding", section 3.2.

#include <librdkafka/rdkafka.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/calendar.h"
#include "core/kafka/message.h"
#include "core/result.h"
#include "topics/scope.h"

namespace sujip {

enum class RecordKind : uint8_t { row, begin, end, same, verdict };
std::string_view name_of(RecordKind kind);

// Views into the message's headers.
struct RawMeta {
  std::string_view dataset;
  RecordKind kind = RecordKind::row;
  std::string_view subject;
  std::string_view run;
};

// nullopt: the record carries no ce_ headers (a plain record). An error: it carries some, but not the
// ones needed or an unknown type; the error says which.
Result<std::optional<RawMeta>> parse_raw_headers(const rd_kafka_message_t& message);

// The header set of the records of one run. Texts are owned; headers() gives views that stay valid
// until the next call for the same object.
class RawHeaders {
 public:
  RawHeaders(const Scope& scope, const RunId& run);
  // Headers of the n-th row (0-based).
  std::span<const kafka::Header> row(int64_t n);
  std::span<const kafka::Header> control(RecordKind kind);

 private:
  std::span<const kafka::Header> fill();
  std::string source_, subject_, run_, time_, dataset_;
  std::string id_, type_, row_type_;
  std::array<kafka::Header, 8> headers_;
};

}  // namespace sujip
