#include "processors/entity/change_writer.h"

#include <fmt/format.h>

#include "core/decimal.h"
#include "core/json_text.h"
#include "core/metrics.h"
#include "core/short_bytes.h"

namespace sujip {
namespace {

constexpr size_t kFixedRoom = 128;  // of a change event, but for its rows and its source

}  // namespace

void ChangeWriter::start(const Dataset& dataset, const Scope& scope, std::string_view subject, std::string_view run,
                         TimeMs ts_ms, int32_t partition) {
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

void ChangeWriter::write(const std::vector<FieldValue>* before, const std::vector<FieldValue>* after, bool minor,
                         int64_t rev, Outputs& outputs) {
  const std::vector<FieldValue>& known = after != nullptr ? *after : *before;
  size_t room = kFixedRoom + tail_.size() + 2 * row_json_room(*dataset_, known);
  if (before != nullptr && after != nullptr) room += row_json_room(*dataset_, *before);
  if (text_.size() < room) text_.resize(2 * room);

  char* const key = text_.data();
  char* const value = write_key_json(key, *dataset_, known);
  char* to = copy_short(value, R"({"before":)");
  to = before != nullptr ? rows_.write(to, *dataset_, *before) : copy_short(to, "null");
  to = copy_short(to, R"(,"after":)");
  if (after == nullptr)
    to = copy_short(to, "null");
  else
    to = before != nullptr ? rows_.write_like(to, *after) : rows_.write(to, *dataset_, *after);
  to = copy_short(to, before == nullptr ? R"(,"op":"c")" : after == nullptr ? R"(,"op":"d")" : R"(,"op":"u")");
  to = copy_short(to, tail_);
  to = write_decimal(to, rev, 0);
  to = copy_short(to, minor ? R"(,"minor":true}})" : R"(,"minor":false}})");

  const std::string_view key_text(key, static_cast<size_t>(value - key));
  outputs.emit(topic_, partition_, key_text, std::string_view(value, static_cast<size_t>(to - value)));
  if (after == nullptr) outputs.emit(topic_, partition_, key_text, std::nullopt);
}

void count_changes(const std::string& source, const Counts& c) {
  const auto add = [&](const char* kind, int64_t n) {
    if (n > 0)
      metrics::counter("changes_total", {{"medium", source}, {"kind", kind}}).Increment(static_cast<double>(n));
  };
  add("created", c.created);
  add("updated", c.updated);
  add("minor", c.minor);
  add("deleted", c.deleted);
  add("unchanged", c.same);
}

}  // namespace sujip
