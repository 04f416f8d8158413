#include "topics/envelope.h"

#include <fmt/format.h>

#include <iterator>

namespace sujip {
namespace {

constexpr std::string_view kKinds[] = {"row", "begin", "end", "same", "verdict"};

std::optional<RecordKind> parse_kind(std::string_view name) {
  for (size_t i = 0; i < std::size(kKinds); ++i)
    if (kKinds[i] == name) return static_cast<RecordKind>(i);
  return std::nullopt;
}

}  // namespace

std::string_view name_of(RecordKind kind) { return kKinds[static_cast<size_t>(kind)]; }

Result<std::optional<RawMeta>> parse_raw_headers(const rd_kafka_message_t& message) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::optional<RawMeta>{};
  RawMeta meta;
  std::string_view type;
  bool any = false;
  const char* name = nullptr;
  const void* bytes = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &bytes, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    const std::string_view header(name);
    if (!header.starts_with("ce_")) continue;
    any = true;
    const std::string_view value(static_cast<const char*>(bytes), bytes == nullptr ? 0 : size);
    if (header == "ce_type") type = value;
    if (header == "ce_subject") meta.subject = value;
    if (header == "ce_run") meta.run = value;
  }
  if (!any) return std::optional<RawMeta>{};
  // sujip.<dataset>.<kind>
  const size_t first = type.find('.');
  const size_t last = type.rfind('.');
  if (!type.starts_with("sujip.") || last <= first)
    return Error{fmt::format("ce_type '{}' is not sujip.<dataset>.<kind>", type.substr(0, 80)), "", ""};
  const auto kind = parse_kind(type.substr(last + 1));
  if (!kind)
    return Error{fmt::format("ce_type '{}' ends in none of row, begin, end, same, verdict", type.substr(0, 80)), "",
                 ""};
  meta.kind = *kind;
  meta.dataset = type.substr(first + 1, last - first - 1);
  if (meta.subject.empty()) return Error{"ce_subject is missing", "", ""};
  if (meta.run.empty()) return Error{"ce_run is missing", "", ""};
  return std::optional<RawMeta>{meta};
}

RawHeaders::RawHeaders(const Scope& scope, const RunId& run)
    : source_(fmt::format("/{}/{}", scope.source, scope.account)),
      subject_(scope.subject()),
      run_(run.str()),
      time_(utc_text(run.snapshot_ms)),
      dataset_(scope.dataset),
      row_type_(fmt::format("sujip.{}.row", scope.dataset)) {}

std::span<const kafka::Header> RawHeaders::fill() {
  headers_ = {{{"ce_specversion", "1.0"},
               {"ce_id", id_},
               {"ce_type", type_},
               {"ce_source", source_},
               {"ce_subject", subject_},
               {"ce_time", time_},
               {"ce_run", run_},
               {"content-type", "application/json"}}};
  return headers_;
}

std::span<const kafka::Header> RawHeaders::row(int64_t n) {
  id_.clear();
  fmt::format_to(std::back_inserter(id_), "{}/{}", run_, n);
  type_ = row_type_;
  return fill();
}

std::span<const kafka::Header> RawHeaders::control(RecordKind kind) {
  id_ = fmt::format("{}/{}", run_, name_of(kind));
  type_ = fmt::format("sujip.{}.{}", dataset_, name_of(kind));
  return fill();
}

}  // namespace sujip
