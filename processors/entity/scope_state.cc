#include "processors/entity/scope_state.h"

#include <simdjson.h>

#include "core/json_text.h"

namespace sujip {
namespace {

using simdjson::dom::element;

RunId run_of(element e) {
  std::string_view text;
  if (e["run"].get(text)) return {};
  return RunId::parse(text).value_or(RunId{});
}

int64_t number_of(element e, const char* name) {
  int64_t out = 0;
  if (e[name].get(out)) return 0;
  return out;
}

}  // namespace

std::string ScopeState::encode(std::string_view subject) const {
  std::string out = "{";
  append_json_field(out, "scope", subject);
  append_json_field(out, "run", accepted.empty() ? "" : accepted.str());
  append_json_field(out, "rows", rows);
  append_json_field(out, "hash", hash);
  if (held) {
    append_json_name(out, "held");
    out += '{';
    append_json_field(out, "run", held->run.str());
    append_json_field(out, "begin", held->begin_offset);
    append_json_field(out, "end", held->end_offset);
    append_json_field(out, "partitions", held->partitions);
    out += '}';
  }
  if (!pending.empty()) {
    append_json_name(out, "pending");
    out += '[';
    for (const PendingRun& p : pending) {
      if (out.back() != '[') out += ',';
      out += '{';
      append_json_field(out, "run", p.run.str());
      append_json_field(out, "begin", p.begin_offset);
      append_json_field(out, "waiting", p.waiting ? 1 : 0);
      out += '}';
    }
    out += ']';
  }
  return out + "}";
}

Result<ScopeState> ScopeState::decode(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(simdjson::padded_string(json)).get(root)) return Error{"not JSON", "scope state", ""};
  ScopeState out;
  out.accepted = run_of(root);
  out.rows = number_of(root, "rows");
  std::string_view hash;
  if (!root["hash"].get(hash)) out.hash = hash;
  element held;
  if (!root["held"].get(held))
    out.held = HeldRun{run_of(held), number_of(held, "begin"), number_of(held, "end"),
                       static_cast<int>(number_of(held, "partitions"))};
  simdjson::dom::array pending;
  if (!root["pending"].get(pending))
    for (const element e : pending)
      out.pending.push_back({run_of(e), number_of(e, "begin"), number_of(e, "waiting") != 0});
  return out;
}

}  // namespace sujip
