#include "producers/engine/datetime_cursor.h"

#include "producers/engine/request_option.h"
#include "producers/engine/text.h"

namespace sujip::engine {
namespace {

class DayCursor : public Cursor {
 public:
  std::optional<Text> start, end;
  bool compact = false;  // %Y%m%d, otherwise %Y-%m-%d
  std::optional<RequestOption> start_option, end_option;

  Got<std::vector<Slice>> slices(const Session& session, const Value& partition) const override {
    Slice whole;
    whole.partition = partition;
    SUJIP_TRY(const Day first, day_of(*start, session, whole));
    // Without an end: up to yesterday in Seoul, the last whole day.
    Day last = seoul_day(session.pace->wall_ms()) - 1;
    if (end) {
      SUJIP_TRY(last, day_of(*end, session, whole));
    }
    std::vector<Slice> out;
    for (Day day = first; day <= last; day = day + 1) {
      Slice slice;
      slice.partition = partition;
      Object interval;
      interval.set("start_time", Value(compact ? day.compact() : day.str()));
      interval.set("end_time", Value(compact ? day.compact() : day.str()));
      slice.interval = Value(std::move(interval));
      slice.day = day;
      out.push_back(std::move(slice));
    }
    return out;
  }

  Got<Done> apply(const Session& session, const Slice& slice, RequestParts& parts) const override {
    for (const auto& [option, name] : {std::pair(&start_option, "start_time"), std::pair(&end_option, "end_time")}) {
      const Value* value = slice.interval.object().find(name);
      if (!*option || value == nullptr) continue;
      SUJIP_TRY([[maybe_unused]] const Done put, (*option)->inject(session, slice, python_text(*value), parts));
    }
    return Done{};
  }

 private:
  static Got<Day> day_of(const Text& text, const Session& session, const Slice& slice) {
    SUJIP_TRY(const std::string written, text.text(session.variables(slice)));
    auto day = Day::parse(written);
    if (!day) day = Day::parse_compact(written);
    if (!day) return Failure("config", {"'" + written + "' is no date", "", "write it as 2026-10-01"});
    return *day;
  }
};

Result<Text> datetime_text(const Node& node) {
  if (node.is_scalar()) return Text::compile(node, node);
  return Text::compile(*node.find("datetime"), node);
}

}  // namespace

Result<std::unique_ptr<Cursor>> build_cursor(const Node* node) {
  if (node == nullptr) return std::unique_ptr<Cursor>();
  auto cursor = std::make_unique<DayCursor>();
  const std::string format = node->text_of("datetime_format");
  if (format != "%Y%m%d" && format != "%Y-%m-%d")
    return node->error("not supported: datetime_format " + format, "known: %Y%m%d %Y-%m-%d");
  cursor->compact = format == "%Y%m%d";
  for (const char* name : {"step", "cursor_granularity"})
    if (node->text_of(name) != "P1D")
      return node->error(std::string("not supported: ") + name + " '" + node->text_of(name) + "'",
                         "slices are days: P1D");
  SUJIP_TRY(cursor->start, datetime_text(*node->find("start_datetime")));
  if (const Node* end = node->find("end_datetime")) {
    SUJIP_TRY(cursor->end, datetime_text(*end));
  }
  if (const Node* option = node->find("start_time_option")) {
    SUJIP_TRY(cursor->start_option, RequestOption::build(*option));
  }
  if (const Node* option = node->find("end_time_option")) {
    SUJIP_TRY(cursor->end_option, RequestOption::build(*option));
  }
  return std::unique_ptr<Cursor>(std::move(cursor));
}

}  // namespace sujip::engine
