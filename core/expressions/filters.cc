// Filters on values of any kind, and sujip's own for mappings.

#include <fmt/format.h>

#include <algorithm>

#include "core/expressions/arithmetic.h"
#include "core/expressions/ast.h"
#include "core/expressions/conversions.h"
#include "core/expressions/datetime.h"

namespace sujip::expressions {
namespace {

// What a message may show of a value: mappings see records; manifests also see secrets.
std::string preview(const Call& call, std::string_view text) {
  if (call.scope.dialect != Dialect::exact) return "the text";
  constexpr size_t kShown = 40;
  if (text.size() <= kShown) return fmt::format("'{}'", text);
  size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return fmt::format("'{}...'", text.substr(0, end));
}

bool default_value(Call& call, Value& out) {
  const bool also_false = call.given(1) && call.args[1].truthy();
  if (call.self.is_undefined() || (also_false && !call.self.truthy()))
    out = call.given(0) ? call.args[0] : Value("");
  else
    out = call.self;
  return true;
}

// decimal: text -> exact number; no value stays no value.
bool exact_number(Call& call, Value& out) {
  if (call.self.is_missing()) {
    out = Value::null();
    return true;
  }
  if (call.self.is_number()) {
    out = call.self;
    return true;
  }
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string or number");
  if (is_blank_number(call.self.string())) {
    out = Value::null();
    return true;
  }
  const auto number = parse_amount(call.self.string());
  if (!number)
    return call.fail(fmt::format("{} is not a number", preview(call, call.self.string())),
                     "number_or_null gives null instead");
  out = Value(*number);
  return true;
}

bool number_or_null(Call& call, Value& out) {
  out = Value::null();
  std::optional<Decimal> number;
  if (call.self.is_number()) number = call.self.number();
  if (call.self.is_string()) number = parse_amount(call.self.string());
  if (!number) return true;
  if (call.given(0)) {
    if (!call.args[0].is_number()) return call.wrong_kind(call.args[0], "number");
    if (compare(*number, call.args[0].number()) <= 0) return true;
  }
  out = Value(*number);
  return true;
}

bool to_int(Call& call, Value& out) {
  if (call.scope.dialect == Dialect::exact && !call.given(0)) {
    if (call.self.is_bool()) {
      out = Value(call.self.boolean() ? 1 : 0);
      return true;
    }
    Value number;
    if (!exact_number(call, number)) return false;
    if (number.is_number() && !number.number().is_integer())
      return call.fail(fmt::format("{} is not a whole number", preview(call, text_of(call.scope, call.self))),
                       "use decimal, or round");
    out = number.is_number() ? Value(truncated(number.number())) : number;
    return true;
  }
  out = call.given(0) ? call.args[0] : Value(0);
  if (call.self.is_undefined()) return call.wrong_kind(call.self, "string or number");
  if (call.self.is_bool()) out = Value(call.self.boolean() ? 1 : 0);
  if (call.self.is_number()) out = Value(truncated(call.self.number()));
  if (call.self.is_string()) {
    std::string text(trimmed(call.self.string()));
    std::erase(text, '_');
    if (const auto number = parse_rounded(text)) out = Value(truncated(*number));
  }
  return true;
}

bool to_float(Call& call, Value& out) {
  if (call.scope.dialect == Dialect::exact && !call.given(0)) return exact_number(call, out);
  out = call.given(0) ? call.args[0] : Value(Decimal{0, 1});
  std::optional<Decimal> number;
  if (call.self.is_undefined()) return call.wrong_kind(call.self, "string or number");
  if (call.self.is_bool()) number = Decimal::of(call.self.boolean() ? 1 : 0);
  if (call.self.is_number()) number = call.self.number();
  if (call.self.is_string()) number = parse_rounded(trimmed(call.self.string()));
  if (number && number->scale == 0) number = number->rescaled(1);
  if (number) out = Value(*number);
  return true;
}

bool absolute(Call& call, Value& out) {
  if (!call.self.is_number()) return call.wrong_kind(call.self, "number");
  out = call.self.number().units < 0 ? Value(-call.self.number()) : call.self;
  return true;
}

bool round_number(Call& call, Value& out) {
  if (!call.self.is_number()) {
    if (call.self.is_null() && call.scope.dialect == Dialect::exact) {
      out = call.self;
      return true;
    }
    return call.wrong_kind(call.self, "number");
  }
  int64_t digits = 0;
  if (call.given(0)) {
    if (!call.args[0].is_number()) return call.wrong_kind(call.args[0], "number");
    digits = call.args[0].number().to_int64().value_or(-1);
    if (digits < 0 || digits > Decimal::kMaxScale) return call.fail("round() takes 0 to 18 digits");
  }
  const std::string method = call.given(1) ? text_of(call.scope, call.args[1]) : "common";
  const Decimal& number = call.self.number();
  const int scale = static_cast<int>(digits);
  Decimal rounded = number;
  if (method == "common") {
    if (number.scale > scale) rounded = number.rounded(scale);
  } else if (method == "floor" || method == "ceil") {
    if (number.scale > scale) {
      const Decimal shifted{number.units, number.scale - scale};
      rounded = method == "floor" ? floored(shifted) : ceiled(shifted);
      rounded.scale = scale;
    }
  } else {
    return call.fail(fmt::format("round() has no method '{}'", method), "allowed: common, floor, ceil");
  }
  // Python's result is a float.
  if (rounded.scale == 0)
    if (const auto wide = rounded.rescaled(1)) rounded = *wide;
  out = Value(rounded);
  return true;
}

bool length(Call& call, Value& out) {
  switch (call.self.kind()) {
    case Value::Kind::undefined:
      out = Value(0);
      return true;
    case Value::Kind::string:
      out = Value(static_cast<int64_t>(text_length(call.self.string())));
      return true;
    case Value::Kind::list:
      out = Value(static_cast<int64_t>(call.self.list().size()));
      return true;
    case Value::Kind::object:
      out = Value(static_cast<int64_t>(call.self.object().size()));
      return true;
    default:
      return call.wrong_kind(call.self, "string, list or object");
  }
}

template <bool last>
bool at_end(Call& call, Value& out) {
  out = Value();
  if (call.self.is_list()) {
    if (!call.self.list().empty()) out = last ? call.self.list().back() : call.self.list().front();
    return true;
  }
  if (call.self.is_string()) {
    const std::string& text = call.self.string();
    if (text.empty()) return true;
    size_t from = 0;
    size_t to = text.size();
    const auto inner = [&](size_t i) { return (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80; };
    if (last) {
      from = to - 1;
      while (from > 0 && inner(from)) --from;
    } else {
      to = 1;
      while (to < text.size() && inner(to)) ++to;
    }
    out = Value(text.substr(from, to - from));
    return true;
  }
  if (call.self.is_undefined()) return true;
  return call.wrong_kind(call.self, "list or string");
}

bool to_list(Call& call, Value& out) {
  Value::List list;
  if (call.self.is_list())
    list = call.self.list();
  else if (call.self.is_object())
    for (const auto& f : call.self.object()) list.emplace_back(f.first);
  else if (!call.self.is_undefined())
    return call.wrong_kind(call.self, "list or object");
  out = Value(std::move(list));
  return true;
}

bool join(Call& call, Value& out) {
  const std::string mark = call.given(0) ? text_of(call.scope, call.args[0]) : "";
  std::string text;
  bool first = true;
  const auto put = [&](const Value& v) {
    if (!first) text += mark;
    first = false;
    append_text_of(call.scope, v, text);
  };
  if (call.self.is_list())
    for (const Value& v : call.self.list()) put(v);
  else if (call.self.is_object())
    for (const auto& f : call.self.object()) put(Value(f.first));
  else if (!call.self.is_undefined())
    return call.wrong_kind(call.self, "list");
  out = Value(std::move(text));
  return true;
}

template <bool largest>
bool extreme(Call& call, Value& out) {
  out = Value();
  if (!call.self.is_list()) return call.wrong_kind(call.self, "list");
  for (const Value& v : call.self.list()) {
    bool less = out.is_undefined();
    if (!less && !(largest ? less_than(out, v, call.scope, call.column, less)
                           : less_than(v, out, call.scope, call.column, less)))
      return false;
    if (less) out = v;
  }
  return true;
}

bool date(Call& call, Value& out) {
  if (call.self.is_missing() || (call.self.is_string() && trimmed(call.self.string()).empty())) {
    out = Value::null();
    return true;
  }
  DateOrder order = DateOrder::unknown;
  if (call.given(0)) {
    const std::string name = text_of(call.scope, call.args[0]);
    if (name == "dmy")
      order = DateOrder::day_first;
    else if (name == "mdy")
      order = DateOrder::month_first;
    else if (name != "ymd")
      return call.fail(fmt::format("date() has no order '{}'", name), "allowed: ymd, dmy, mdy");
  }
  if (call.self.is_datetime()) {
    out = Value(strftime_text(call.self.datetime(), "%Y-%m-%d"));
    return true;
  }
  if (!call.self.is_string() && !call.self.is_number()) return call.wrong_kind(call.self, "string");
  const std::string text = call.self.is_string() ? call.self.string() : call.self.number().str();
  const auto day = parse_date_text(text, order);
  if (!day)
    return call.fail(fmt::format("{} is not a date", preview(call, text)),
                     "allowed: 2026-10-01, 2026.10.01., 2026/10/01, 20261001, 1 Oct, 2026; "
                     "01/10/2026 with date('dmy') or date('mdy')");
  out = Value(day->str());
  return true;
}

bool time(Call& call, Value& out) {
  if (call.self.is_missing() || (call.self.is_string() && trimmed(call.self.string()).empty())) {
    out = Value::null();
    return true;
  }
  const std::string zone = call.given(0) ? text_of(call.scope, call.args[0]) : "Asia/Seoul";
  const auto offset = parse_zone(zone);
  if (!offset) return call.fail(fmt::format("unknown time zone '{}'", zone), fmt::format("allowed: {}", kZonesAllowed));
  if (call.self.is_datetime()) {
    out = Value(utc_text(call.self.datetime().micros / 1000));
    return true;
  }
  if (!call.self.is_string() && !call.self.is_number()) return call.wrong_kind(call.self, "string");
  const std::string text = call.self.is_string() ? call.self.string() : call.self.number().str();
  const auto at = parse_time_text(text, TimeMs{*offset} * 1000);
  if (!at)
    return call.fail(fmt::format("{} is not a time", preview(call, text)),
                     "allowed: 2026-10-01 08:26:00, 2026-10-01T08:26:00+09:00, 2026.10.01 08:26, "
                     "seconds or milliseconds since 1970");
  out = Value(utc_text(*at));
  return true;
}

bool map_values(Call& call, Value& out) {
  if (!call.args[0].is_object())
    return call.fail("map() takes an object of values", "usage: map({'Y': true, 'N': false}, null)");
  const Value* found = call.self.is_missing() ? nullptr : call.args[0].object().find(text_of(call.scope, call.self));
  if (found != nullptr) {
    out = *found;
    return true;
  }
  if (call.args.size() > 1 && !call.args[1].is_undefined()) {
    out = call.args[1];
    return true;
  }
  if (call.self.is_missing()) {
    out = Value::null();
    return true;
  }
  std::string known;
  for (const auto& f : call.args[0].object()) known += (known.empty() ? "" : ", ") + f.first;
  return call.fail(fmt::format("{} is not in map()", preview(call, text_of(call.scope, call.self))),
                   fmt::format("allowed: {}; or give a default", known));
}

constexpr Function kFilters[] = {
    {"default", "default_value,boolean", 0, default_value},
    {"d", "default_value,boolean", 0, default_value},
    {"int", "default,base", 0, to_int},
    {"float", "default", 0, to_float},
    {"abs", "", 0, absolute},
    {"round", "precision,method", 0, round_number},
    {"length", "", 0, length},
    {"count", "", 0, length},
    {"first", "", 0, at_end<false>},
    {"last", "", 0, at_end<true>},
    {"list", "", 0, to_list},
    {"join", "d", 0, join},
    {"min", "", 0, extreme<false>},
    {"max", "", 0, extreme<true>},
    {"decimal", "", 0, exact_number},
    {"number_or_null", "above", 0, number_or_null},
    {"date", "order", 0, date},
    {"time", "zone", 0, time},
    {"map", "values,default", 1, map_values},
};

}  // namespace

std::span<const Function> filters() { return kFilters; }

}  // namespace sujip::expressions
