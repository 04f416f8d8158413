// The functions of manifests. The only clock is the one the caller put into the variables.

#include <fmt/format.h>

#include "core/expressions/arithmetic.h"
#include "core/expressions/ast.h"
#include "core/expressions/datetime.h"

namespace sujip::expressions {
namespace {

bool now(Call& call, DateTime& out) {
  const auto micros = call.scope.variables.now();
  if (!micros)
    return call.fail(fmt::format("{}() has no clock here", call.function.name),
                     "mappings see the record and its scope, never the time of processing");
  out = {*micros, 0, false};
  return true;
}

DateTime day_of(const DateTime& at, int32_t offset) {
  CivilTime c = civil_time({at.micros, offset, false});
  c.hour = c.minute = c.second = c.micros = 0;
  DateTime day = from_civil_time(c, 0);
  day.date_only = true;
  return day;
}

bool now_utc(Call& call, Value& out) {
  DateTime at;
  if (!now(call, at)) return false;
  out = Value(at);
  return true;
}

bool today_utc(Call& call, Value& out) {
  DateTime at;
  if (!now(call, at)) return false;
  out = Value(day_of(at, 0));
  return true;
}

bool today_with_timezone(Call& call, Value& out) {
  DateTime at;
  if (!now(call, at)) return false;
  const std::string name = text_of(call.scope, call.args[0]);
  const auto zone = parse_zone(name);
  if (!zone) return call.fail(fmt::format("unknown time zone '{}'", name), fmt::format("allowed: {}", kZonesAllowed));
  out = Value(day_of(at, *zone));
  return true;
}

bool day_delta(Call& call, Value& out) {
  DateTime at;
  if (!now(call, at)) return false;
  if (!call.args[0].is_number()) return call.wrong_kind(call.args[0], "number");
  const auto days = call.args[0].number().to_int64();
  if (!days || *days > 1000000 || *days < -1000000) return call.fail("day_delta() takes whole days");
  at.micros += *days * 86400000000LL;
  const std::string format = call.given(1) ? text_of(call.scope, call.args[1]) : "%Y-%m-%dT%H:%M:%S.%f%z";
  out = Value(strftime_text(at, format));
  return true;
}

bool duration(Call& call, Value& out) {
  const std::string text = text_of(call.scope, call.args[0]);
  const auto parsed = parse_duration(text);
  if (!parsed) return call.fail(fmt::format("'{}' is no ISO 8601 duration", text), "allowed: P1D, PT15M, P1M");
  out = Value(*parsed);
  return true;
}

// Times, ISO texts and seconds since the epoch.
bool to_datetime(Call& call, const Value& in, DateTime& out) {
  if (in.is_datetime()) {
    out = in.datetime();
    return true;
  }
  if (in.is_number()) {
    const auto micros = multiply(in.number(), Decimal::of(1000000));
    const auto whole = micros ? truncated(*micros).to_int64() : std::nullopt;
    if (!whole || *whole > 250000000000000000LL || *whole < -60000000000000000LL)
      return call.fail("the number of seconds is out of range");
    out = {*whole, 0, false};
    return true;
  }
  if (!in.is_string()) return call.wrong_kind(in, "time, ISO 8601 text or seconds since the epoch");
  const auto parsed = parse_iso_datetime(in.string());
  if (!parsed)
    return call.fail(fmt::format("'{}' is no ISO 8601 time", in.string().substr(0, 40)),
                     "allowed: 2024-01-01, 2024-01-01T08:00:00Z, or give input_format");
  out = *parsed;
  return true;
}

bool format_datetime(Call& call, Value& out) {
  const std::string format = text_of(call.scope, call.args[1]);
  DateTime at;
  if (call.given(2) && call.args[0].is_string()) {
    const std::string input = text_of(call.scope, call.args[2]);
    const auto parsed = parse_datetime(call.args[0].string(), input);
    if (!parsed)
      return call.fail(fmt::format("'{}' does not match the format '{}'", call.args[0].string().substr(0, 40), input));
    at = *parsed;
  } else if (!to_datetime(call, call.args[0], at)) {
    return false;
  }
  out = Value(format_datetime_text(at, format));
  return true;
}

bool str_to_datetime(Call& call, Value& out) {
  DateTime at;
  if (!to_datetime(call, call.args[0], at)) return false;
  out = Value(at);
  return true;
}

bool timestamp(Call& call, Value& out) {
  if (call.args[0].is_number()) {
    out = Value(truncated(call.args[0].number()));
    return true;
  }
  DateTime at;
  if (!to_datetime(call, call.args[0], at)) return false;
  out = Value(Decimal{at.micros, 6});
  return true;
}

template <bool largest>
bool extreme(Call& call, Value& out) {
  Value::List values(call.args.begin(), call.args.end());
  if (values.size() == 1 && values[0].is_list()) {
    Value::List inner = values[0].list();
    values = std::move(inner);
  }
  if (values.empty()) return call.fail(fmt::format("{}() of nothing", call.function.name));
  out = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    bool less = false;
    if (!(largest ? less_than(out, values[i], call.scope, call.column, less)
                  : less_than(values[i], out, call.scope, call.column, less)))
      return false;
    if (less) out = values[i];
  }
  return true;
}

bool sanitize_url(Call& call, Value& out) {
  std::string quoted;
  for (const char c : text_of(call.scope, call.args[0])) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '.' || c == '-' || c == '~';
    if (plain)
      quoted += c;
    else if (c == ' ')
      quoted += '+';
    else
      quoted += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  out = Value(std::move(quoted));
  return true;
}

bool camel_case_to_snake_case(Call& call, Value& out) {
  const std::string text = text_of(call.scope, call.args[0]);
  std::string snake;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= 'A' && c <= 'Z') {
      if (i > 0) snake += '_';
      snake += static_cast<char>(c | 0x20);
    } else {
      snake += c;
    }
  }
  out = Value(std::move(snake));
  return true;
}

constexpr Function kMacros[] = {
    {"now_utc", "", 0, now_utc},
    {"today_utc", "", 0, today_utc},
    {"today_with_timezone", "timezone", 1, today_with_timezone},
    {"day_delta", "num_days,format", 1, day_delta},
    {"duration", "datestring", 1, duration},
    {"format_datetime", "dt,format,input_format", 2, format_datetime},
    {"str_to_datetime", "s", 1, str_to_datetime},
    {"timestamp", "dt", 1, timestamp},
    {"max", "...", 0, extreme<true>},
    {"min", "...", 0, extreme<false>},
    {"sanitize_url", "value", 1, sanitize_url},
    {"camel_case_to_snake_case", "value", 1, camel_case_to_snake_case},
};

}  // namespace

std::span<const Function> macros() { return kMacros; }

}  // namespace sujip::expressions
