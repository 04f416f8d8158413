#include "topics/messages.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <iterator>

#include "core/json_text.h"

namespace sujip {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kOutcomes[] = {"pending",   "accepted", "held",       "released", "rejected",
                                          "overtaken", "old",      "incomplete", "partial",  "same"};
constexpr std::string_view kDecisions[] = {"accept", "accept_partial", "hold", "reject", "release"};

// Reads fields of one control record; remembers the first thing that is wrong.
class Fields {
 public:
  explicit Fields(std::string_view json) : json_(json) {
    element root;
    if (parser_.parse(json_).get(root) || root.get(object_)) fail("not a JSON object");
  }
  explicit Fields(object nested) : object_(nested) {}

  int64_t number(const char* name, int64_t fallback = 0) {
    int64_t out = fallback;
    element e;
    if (ok() && !object_[name].get(e) && e.get(out)) fail(std::string(name) + " is not a number");
    return out;
  }
  double real(const char* name, double fallback) {
    double out = fallback;
    element e;
    if (ok() && !object_[name].get(e) && e.get(out)) fail(std::string(name) + " is not a number");
    return out;
  }
  bool flag(const char* name) {
    bool out = false;
    return ok() && !object_[name].get(out) && out;
  }
  std::string text(const char* name) {
    std::string_view out;
    return ok() && !object_[name].get(out) ? std::string(out) : std::string();
  }
  RunId run(const char* name = "run") {
    const std::string t = text(name);
    const auto id = RunId::parse(t);
    if (!id) fail(fmt::format("{} '{}' is not a run id", name, t));
    return id.value_or(RunId{});
  }
  std::optional<object> nested(const char* name) {
    object out;
    if (!ok() || object_[name].get(out)) return std::nullopt;
    return out;
  }
  bool ok() const { return problem_.empty(); }
  void fail(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }
  const object& raw() const { return object_; }

  template <class T>
  Result<T> finish(T value) {
    if (!ok()) return Error{problem_, "control record", ""};
    return value;
  }

 private:
  simdjson::padded_string json_;
  simdjson::dom::parser parser_;
  object object_;
  std::string problem_;
};

void append_guard(std::string& out, const std::optional<Guard>& guard) {
  append_json_name(out, "guard");
  if (!guard) {
    out += "null";
    return;
  }
  out += fmt::format(R"({{"deleted_share":{},"zeroed_share":{},"min_rows":{}}})", guard->deleted_share,
                     guard->zeroed_share, guard->min_rows);
}

std::optional<Guard> read_guard(Fields& fields) {
  const auto nested = fields.nested("guard");
  if (!nested) return std::nullopt;
  Fields in(*nested);
  Guard g;
  g.deleted_share = in.real("deleted_share", g.deleted_share);
  g.zeroed_share = in.real("zeroed_share", g.zeroed_share);
  g.min_rows = in.number("min_rows", g.min_rows);
  return g;
}

void append_counts(std::string& out, const Counts& c) {
  append_json_field(out, "rows", c.rows);
  append_json_field(out, "duplicates", c.duplicates);
  append_json_field(out, "rejected", c.rejected);
  append_json_field(out, "created", c.created);
  append_json_field(out, "updated", c.updated);
  append_json_field(out, "minor", c.minor);
  append_json_field(out, "deleted", c.deleted);
  append_json_field(out, "zeroed", c.zeroed);
  append_json_field(out, "same", c.same);
  append_json_field(out, "before", c.before);
}

Counts read_counts(Fields& in) {
  return {in.number("rows"),    in.number("duplicates"), in.number("rejected"), in.number("created"),
          in.number("updated"), in.number("minor"),      in.number("deleted"),  in.number("zeroed"),
          in.number("same"),    in.number("before")};
}

Outcome read_outcome(Fields& in, const char* name) {
  const std::string text = in.text(name);
  const auto outcome = parse_outcome(text);
  if (!outcome) in.fail(fmt::format("{} '{}' is not known", name, text));
  return outcome.value_or(Outcome::pending);
}

void append_tally(std::string& out, const Tally& t) {
  append_json_field(out, "topic", t.topic);
  append_json_field(out, "partition", t.partition);
  append_json_field(out, "partitions", t.partitions);
  append_json_field(out, "outcome", name_of(t.outcome));
  append_counts(out, t.counts);
  append_guard(out, t.guard);
  append_json_name(out, "accept_empty");
  out += t.accept_empty ? "true" : "false";
  append_json_field(out, "reason", t.reason);
  append_json_field(out, "by", t.by);
  if (!t.followed) return;
  append_json_name(out, "followed");
  out += "true";
}

Tally read_tally(Fields& in) {
  Tally t;
  t.topic = in.text("topic");
  t.partition = static_cast<int32_t>(in.number("partition"));
  t.partitions = static_cast<int>(in.number("partitions", 1));
  t.outcome = read_outcome(in, "outcome");
  t.counts = read_counts(in);
  t.guard = read_guard(in);
  t.accept_empty = in.flag("accept_empty");
  t.reason = in.text("reason");
  t.by = in.text("by");
  t.followed = in.flag("followed");
  return t;
}

}  // namespace

std::string_view name_of(Outcome outcome) { return kOutcomes[static_cast<size_t>(outcome)]; }

std::optional<Outcome> parse_outcome(std::string_view name) {
  for (size_t i = 0; i < std::size(kOutcomes); ++i)
    if (kOutcomes[i] == name) return static_cast<Outcome>(i);
  return std::nullopt;
}

Counts& Counts::operator+=(const Counts& o) {
  rows += o.rows;
  duplicates += o.duplicates;
  rejected += o.rejected;
  created += o.created;
  updated += o.updated;
  minor += o.minor;
  deleted += o.deleted;
  zeroed += o.zeroed;
  same += o.same;
  before += o.before;
  return *this;
}

std::string encode(const Begin& v, std::string_view subject) {
  std::string out = "{";
  append_json_field(out, "run", v.run.str());
  append_json_field(out, "scope", subject);
  append_json_field(out, "snapshot_at", v.snapshot_at);
  append_json_field(out, "partitions", v.partitions);
  append_guard(out, v.guard);
  append_json_field(out, "empty", v.accept_empty ? "accept" : "hold");
  return out + "}";
}

Result<Begin> decode_begin(std::string_view json) {
  Fields in(json);
  Begin v;
  v.run = in.run();
  v.snapshot_at = in.number("snapshot_at");
  v.partitions = static_cast<int>(in.number("partitions", 1));
  v.guard = read_guard(in);
  v.accept_empty = in.text("empty") == "accept";
  return in.finish(v);
}

std::string encode(const End& v) {
  std::string out = "{";
  append_json_field(out, "run", v.run.str());
  append_json_field(out, "rows", v.rows);
  append_json_field(out, "total", v.total);
  append_json_field(out, "hash", v.hash);
  return out + "}";
}

Result<End> decode_end(std::string_view json) {
  Fields in(json);
  return in.finish(End{in.run(), in.number("rows"), in.number("total"), in.text("hash")});
}

std::string encode(const Same& v) {
  std::string out = "{";
  append_json_field(out, "run", v.run.str());
  append_json_field(out, "snapshot_at", v.snapshot_at);
  append_json_field(out, "rows", v.rows);
  append_json_field(out, "hash", v.hash);
  append_json_field(out, "partitions", v.partitions);
  return out + "}";
}

Result<Same> decode_same(std::string_view json) {
  Fields in(json);
  return in.finish(Same{in.run(), in.number("snapshot_at"), in.number("rows"), in.text("hash"),
                        static_cast<int>(in.number("partitions", 1))});
}

std::string encode(const Verdict& v) {
  std::string out = "{";
  append_json_field(out, "run", v.run.str());
  append_json_field(out, "verdict", kDecisions[static_cast<size_t>(v.decision)]);
  append_json_field(out, "by", v.by);
  append_json_field(out, "reason", v.reason);
  return out + "}";
}

Result<Verdict> decode_verdict(std::string_view json) {
  Fields in(json);
  Verdict v;
  v.run = in.run();
  v.by = in.text("by");
  v.reason = in.text("reason");
  const std::string decision = in.text("verdict");
  bool known = false;
  for (size_t i = 0; i < std::size(kDecisions); ++i) {
    if (kDecisions[i] != decision) continue;
    v.decision = static_cast<Decision>(i);
    known = true;
  }
  if (!known) in.fail("verdict '" + decision + "' is none of accept, accept_partial, hold, reject, release");
  return in.finish(v);
}

std::string encode(const Tally& v) {
  std::string out = "{";
  append_json_field(out, "scope", v.subject);
  append_json_field(out, "run", v.run.str());
  append_tally(out, v);
  return out + "}";
}

Result<Tally> decode_tally(std::string_view json) {
  Fields in(json);
  Tally t = read_tally(in);
  t.subject = in.text("scope");
  t.run = in.run();
  return in.finish(t);
}

Counts ScopeRun::counts() const {
  Counts sum;
  for (const auto& [partition, tally] : tallies) sum += tally.counts;
  return sum;
}

std::string encode(const ScopeRun& v) {
  std::string out = "{";
  append_json_field(out, "scope", v.scope.subject());
  append_json_field(out, "source", v.scope.source);
  append_json_field(out, "account", v.scope.account);
  append_json_field(out, "dataset", v.scope.dataset);
  append_json_field(out, "slice", v.scope.slice);
  append_json_field(out, "run", v.run.str());
  append_json_field(out, "snapshot_at", v.run.snapshot_ms);
  append_counts(out, v.counts());
  append_json_field(out, "verdict", name_of(v.outcome));
  append_json_field(out, "reason", v.reason);
  append_json_field(out, "partitions", v.partitions);
  append_json_field(out, "partition", v.tallies.empty() ? 0 : v.tallies.begin()->first);
  append_json_field(out, "topic", v.topic);
  append_json_field(out, "by", v.by);
  append_json_field(out, "ts_ms", v.run.snapshot_ms);
  append_json_name(out, "tallies");
  out += '[';
  for (const auto& [partition, tally] : v.tallies) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_tally(out, tally);
    out += '}';
  }
  return out + "]}";
}

Result<ScopeRun> decode_scope_run(std::string_view json) {
  Fields in(json);
  ScopeRun v;
  const auto scope = Scope::parse(in.text("scope"));
  if (!scope) in.fail("scope is missing");
  v.scope = scope.value_or(Scope{});
  v.run = in.run();
  v.topic = in.text("topic");
  v.partitions = static_cast<int>(in.number("partitions", 1));
  v.outcome = read_outcome(in, "verdict");
  v.reason = in.text("reason");
  v.by = in.text("by");
  simdjson::dom::array tallies;
  if (in.ok() && !in.raw()["tallies"].get(tallies)) {
    for (const element e : tallies) {
      object o;
      if (e.get(o)) continue;
      Fields one(o);
      Tally t = read_tally(one);
      t.subject = v.scope.subject();
      t.run = v.run;
      v.tallies[t.partition] = std::move(t);
    }
  }
  return in.finish(v);
}

std::string encode(const RunLog& v) {
  std::string out = "{";
  append_json_field(out, "run", v.run);
  append_json_field(out, "scope", v.scope.dataset.empty() ? "" : v.scope.subject());
  append_json_field(out, "source", v.scope.source);
  append_json_field(out, "account", v.scope.account);
  append_json_field(out, "dataset", v.scope.dataset);
  append_json_field(out, "slice", v.scope.slice);
  append_json_field(out, "stage", v.stage);
  append_json_field(out, "attempt", v.attempt);
  append_json_field(out, "state", v.state);
  append_json_field(out, "rows", v.rows);
  append_json_field(out, "bytes", v.bytes);
  append_json_field(out, "message", v.message);
  append_json_field(out, "hint", v.hint);
  append_json_field(out, "error_class", v.error_class);
  append_json_field(out, "file", v.file);
  append_json_field(out, "ts_ms", v.ts_ms);
  append_json_field(out, "started_at", v.started_at);
  append_json_field(out, "duration_ms", v.duration_ms);
  return out + "}";
}

std::string DeadLetter::record_key() const { return fmt::format("{}-{}-{}", topic, partition, offset); }

std::string encode(const DeadLetter& v) {
  std::string out = "{";
  append_json_field(out, "topic", v.topic);
  append_json_field(out, "partition", v.partition);
  append_json_field(out, "offset", v.offset);
  append_json_field(out, "scope", v.scope);
  append_json_field(out, "run", v.run);
  append_json_field(out, "dataset", v.dataset);
  append_json_field(out, "stage", v.stage);
  append_json_field(out, "reason", v.reason);
  append_json_field(out, "key_base64", base64(v.key));
  append_json_field(out, "value_base64", base64(v.value));
  append_json_name(out, "headers");
  out += '{';
  for (const auto& [name, value] : v.headers) append_json_field(out, name, value);
  out += '}';
  append_json_field(out, "ts_ms", v.ts_ms);
  return out + "}";
}

std::string base64(std::string_view bytes) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](size_t n) {
      return n < bytes.size() ? static_cast<uint32_t>(static_cast<unsigned char>(bytes[n])) : 0U;
    };
    const uint32_t word = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out += kAlphabet[word >> 18];
    out += kAlphabet[word >> 12 & 63];
    out += i + 1 < bytes.size() ? kAlphabet[word >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[word & 63] : '=';
  }
  return out;
}

}  // namespace sujip
