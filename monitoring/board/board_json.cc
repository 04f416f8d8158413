#include "monitoring/board/board_json.h"

#include "core/json_text.h"
#include "monitoring/board/page.h"

namespace sujip::board {
namespace {

using monitoring::BoardData;

void add_time(std::string& out, std::string_view name, std::optional<TimeMs> at) {
  append_json_name(out, name);
  if (!at) {
    out += "null";
  } else {
    append_json_string(out, seoul_text(*at));
  }
}

template <class List, class Writer>
void add_list(std::string& out, std::string_view name, const List& list, const Writer& write) {
  append_json_name(out, name);
  out += '[';
  bool first = true;
  for (const auto& item : list) {
    if (!std::exchange(first, false)) out += ',';
    out += '{';
    write(item);
    out += '}';
  }
  out += ']';
}

}  // namespace

std::string board_json(const BoardData& data, bool stale) {
  std::string out = "{";
  const auto field = [&out](std::string_view name, const auto& value) { append_json_field(out, name, value); };
  add_time(out, "at", data.at);
  field("version", data.version);
  append_json_name(out, "stale");
  out += stale ? "true" : "false";
  append_json_name(out, "verdict");
  out += '{';
  field("ko", verdict(data, Language::ko));
  field("en", verdict(data, Language::en));
  out += '}';
  add_list(out, "sources", data.sources, [&](const monitoring::Source& s) {
    field("source", s.name);
    field("kind", s.kind);
    field("state", s.state());
    field("rows", s.rows);
    field("slices", s.slices);
    field("overdue", s.overdue);
    field("held", s.held);
    field("problems", s.problems);
    field("accounts_expected", s.accounts_expected);
    field("accounts_collected", s.accounts_collected);
    append_json_name(out, "states");
    out += '{';
    for (const auto& [state, n] : s.states) field(state, n);
    out += '}';
    add_time(out, "last_attempt", s.last_attempt);
    add_time(out, "last_success", s.last_success);
    append_json_name(out, "complete_through");
    out += s.complete_through ? "\"" + s.complete_through->str() + "\"" : "null";
  });
  add_list(out, "slices", data.slices, [&](const monitoring::Slice& s) {
    field("source", s.source);
    field("account", s.account);
    field("dataset", s.dataset);
    field("slice", s.slice);
    field("column", s.column);
    field("scope", s.scope);
    field("run", s.run);
    field("state", s.state);
    field("rows", s.rows);
    field("restated_rows", s.restated_rows);
    field("reason", s.reason);
  });
  add_list(out, "held", data.held, [&](const monitoring::HeldRun& h) {
    field("source", h.source);
    field("scope", h.scope);
    field("run", h.run);
    add_time(out, "snapshot_at", h.snapshot_at);
    field("rows", h.rows);
    field("created", h.created);
    field("updated", h.updated);
    field("deleted", h.deleted);
    field("zeroed", h.zeroed);
    field("reason", h.reason);
  });
  add_list(out, "problems", data.problems, [&](const monitoring::Problem& p) {
    field("source", p.source);
    field("scope", p.scope);
    field("stage", p.stage);
    field("file", p.file);
    field("state", p.state);
    field("message", p.message);
    field("hint", p.hint);
    add_time(out, "at", p.at);
  });
  append_json_name(out, "dead_letters");
  out += '{';
  for (const auto& [topic, n] : data.dead_letters) field(topic, n);
  out += "}}";
  return out;
}

}  // namespace sujip::board
