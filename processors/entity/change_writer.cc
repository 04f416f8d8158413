#include "processors/entity/change_writer.h"

#include <fmt/format.h>

#include "core/decimal.h"
#include "core/json_text.h"
#include "core/metrics.h"

namespace sujip {

void ChangeWriter::start(const Dataset& dataset, const Scope& scope, std::string_view subject,
                         std::string_view run, TimeMs ts_ms, int32_t partition) {
  partition_ = partition;
  if (dataset_ == &dataset && ts_ms_ == ts_ms && subject_ == subject && run_ == run) return;
  if (dataset_ != &dataset) topic_ = dataset.change_topic();
  dataset_ = &dataset;
  ts_ms_ = ts_ms;
  subject_ = subject;
  run_ = run;
  tail_ = fmt::format(R"(,"ts_ms":{},"source":{{"version":"1","connector":"sujip")", ts_ms);
  append_json_field(tail_, "name", scope.source);
  append_json_field(tail_, "ts_ms", ts_ms);
  append_json_field(tail_, "account", scope.account);
  append_json_field(tail_, "dataset", scope.dataset);
  append_json_field(tail_, "scope", subject);
  append_json_field(tail_, "run", run);
  append_json_name(tail_, "rev");
}

void ChangeWriter::write(const std::vector<FieldValue>* before, const std::vector<FieldValue>* after,
                         bool minor, int64_t rev, Outputs& outputs) {
  key_.clear();
  append_key_json(key_, *dataset_, after != nullptr ? *after : *before);
  value_ = R"({"before":)";
  if (before != nullptr)
    append_row_json(value_, *dataset_, *before);
  else
    value_ += "null";
  value_ += R"(,"after":)";
  if (after != nullptr)
    append_row_json(value_, *dataset_, *after);
  else
    value_ += "null";
  value_ += before == nullptr ? R"(,"op":"c")" : after == nullptr ? R"(,"op":"d")" : R"(,"op":"u")";
  value_ += tail_;
  append_decimal(value_, rev, 0);
  value_ += minor ? R"(,"minor":true}})" : R"(,"minor":false}})";
  outputs.emit(topic_, partition_, key_, value_);
  if (after == nullptr) outputs.emit(topic_, partition_, key_, std::nullopt);
}

void count_changes(const std::string& source, const Counts& c) {
  const auto add = [&](const char* kind, int64_t n) {
    if (n > 0)
      metrics::counter("changes_total", {{"medium", source}, {"kind", kind}})
          .Increment(static_cast<double>(n));
  };
  add("created", c.created);
  add("updated", c.updated);
  add("minor", c.minor);
  add("deleted", c.deleted);
  add("unchanged", c.same);
}

}  // namespace sujip
