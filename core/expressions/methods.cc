// Methods of objects, texts, lists and times: the ones that manifests use.

#include <fmt/format.h>

#include <charconv>

#include "core/expressions/ast.h"
#include "core/expressions/datetime.h"

namespace sujip::expressions {
namespace {

bool need_text(Call& call, size_t args) {
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  for (size_t i = 0; i < args; ++i)
    if (!call.args[i].is_string()) return call.wrong_kind(call.args[i], "string arguments");
  return true;
}

bool get(Call& call, Value& out) {
  if (!call.self.is_object()) return call.wrong_kind(call.self, "object");
  const Value* field = call.self.object().find(text_of(call.scope, call.args[0]));
  if (field != nullptr)
    out = *field;
  else
    out = call.given(1) ? call.args[1] : Value::null();
  return true;
}

template <bool keys, bool values>
bool fields(Call& call, Value& out) {
  if (!call.self.is_object()) return call.wrong_kind(call.self, "object");
  Value::List list;
  for (const auto& [key, value] : call.self.object()) {
    if (keys && values)
      list.emplace_back(Value::List{Value(key), value});
    else if (keys)
      list.emplace_back(key);
    else
      list.push_back(value);
  }
  out = Value(std::move(list));
  return true;
}

bool split(Call& call, Value& out) {
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  std::string_view rest = call.self.string();
  int64_t left = -1;
  if (call.given(1) && call.args[1].is_number()) left = call.args[1].number().to_int64().value_or(-1);
  Value::List parts;
  if (call.args[0].is_missing()) {  // at runs of blanks
    constexpr std::string_view kBlanks = " \t\r\n\v\f";
    for (;;) {
      const size_t start = rest.find_first_not_of(kBlanks);
      if (start == rest.npos) break;
      rest.remove_prefix(start);
      const size_t end = left == 0 ? rest.npos : rest.find_first_of(kBlanks);
      parts.emplace_back(rest.substr(0, end));
      if (end == rest.npos) break;
      rest.remove_prefix(end);
      --left;
    }
    out = Value(std::move(parts));
    return true;
  }
  if (!call.args[0].is_string()) return call.wrong_kind(call.args[0], "string");
  const std::string& mark = call.args[0].string();
  if (mark.empty()) return call.fail("split at an empty text");
  for (size_t at = rest.find(mark); at != rest.npos && left != 0; at = rest.find(mark), --left) {
    parts.emplace_back(rest.substr(0, at));
    rest.remove_prefix(at + mark.size());
  }
  parts.emplace_back(rest);
  out = Value(std::move(parts));
  return true;
}

bool join(Call& call, Value& out) {
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  std::string text;
  bool first = true;
  const auto put = [&](const Value& v) {
    if (!v.is_string()) return call.wrong_kind(v, "a list of strings");
    if (!first) text += call.self.string();
    first = false;
    text += v.string();
    return true;
  };
  if (call.args[0].is_list()) {
    for (const Value& v : call.args[0].list())
      if (!put(v)) return false;
  } else if (call.args[0].is_object()) {
    for (const auto& [key, value] : call.args[0].object())
      if (!put(Value(key))) return false;
  } else {
    return call.wrong_kind(call.args[0], "a list of strings");
  }
  out = Value(std::move(text));
  return true;
}

bool replace(Call& call, Value& out) {
  if (!need_text(call, 2)) return false;
  int64_t left = -1;
  if (call.given(2) && call.args[2].is_number()) left = call.args[2].number().to_int64().value_or(-1);
  const std::string& from = call.args[0].string();
  if (from.empty()) return call.fail("replacing an empty text");
  std::string text;
  std::string_view rest = call.self.string();
  for (size_t at = rest.find(from); at != rest.npos && left != 0; at = rest.find(from), --left) {
    text.append(rest.substr(0, at)).append(call.args[1].string());
    rest.remove_prefix(at + from.size());
  }
  out = Value(text.append(rest));
  return true;
}

template <bool left, bool right>
bool strip(Call& call, Value& out) {
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  const std::string chars = call.given(0) && call.args[0].is_string() ? call.args[0].string() : " \t\r\n\v\f";
  std::string_view text = call.self.string();
  if (left) text.remove_prefix(std::min(text.find_first_not_of(chars), text.size()));
  if (right) text = text.substr(0, text.find_last_not_of(chars) + 1);
  out = Value(text);
  return true;
}

template <std::string (*change)(std::string_view)>
bool changed(Call& call, Value& out) {
  if (!need_text(call, 0)) return false;
  out = Value(change(call.self.string()));
  return true;
}

std::string capitalized(std::string_view text) {
  std::string out = lower_text(text);
  if (!out.empty()) out.replace(0, 1, upper_text(out.substr(0, 1)));
  return out;
}

std::string titled(std::string_view text) {
  std::string out = lower_text(text);
  bool inside = false;
  for (char& c : out) {
    const bool letter = c >= 'a' && c <= 'z';
    if (letter && !inside) c = static_cast<char>(c & ~0x20);
    inside = letter;
  }
  return out;
}

template <bool end>
bool has_affix(Call& call, Value& out) {
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  const auto matches = [&](const Value& v) {
    return v.is_string() &&
           (end ? call.self.string().ends_with(v.string()) : call.self.string().starts_with(v.string()));
  };
  bool any = false;
  if (call.args[0].is_list()) {
    for (const Value& v : call.args[0].list()) any = any || matches(v);
  } else if (call.args[0].is_string()) {
    any = matches(call.args[0]);
  } else {
    return call.wrong_kind(call.args[0], "string or list of strings");
  }
  out = Value(any);
  return true;
}

template <bool end>
bool remove_affix(Call& call, Value& out) {
  if (!need_text(call, 1)) return false;
  std::string_view text = call.self.string();
  const std::string& affix = call.args[0].string();
  if (!end && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (end && text.ends_with(affix)) text.remove_suffix(affix.size());
  out = Value(text);
  return true;
}

bool find(Call& call, Value& out) {
  if (!need_text(call, 1)) return false;
  const size_t at = call.self.string().find(call.args[0].string());
  if (at == std::string::npos)
    out = Value(-1);
  else
    out = Value(static_cast<int64_t>(text_length(std::string_view(call.self.string()).substr(0, at))));
  return true;
}

bool count(Call& call, Value& out) {
  int64_t n = 0;
  if (call.self.is_list()) {
    for (const Value& v : call.self.list()) n += v == call.args[0] ? 1 : 0;
  } else {
    if (!need_text(call, 1)) return false;
    const std::string& part = call.args[0].string();
    if (part.empty()) return call.fail("counting an empty text");
    for (size_t at = call.self.string().find(part); at != std::string::npos;
         at = call.self.string().find(part, at + part.size()))
      ++n;
  }
  out = Value(n);
  return true;
}

bool zfill(Call& call, Value& out) {
  if (!call.self.is_string()) return call.wrong_kind(call.self, "string");
  if (!call.args[0].is_number()) return call.wrong_kind(call.args[0], "number");
  const int64_t width = call.args[0].number().to_int64().value_or(0);
  if (width > 1000) return call.fail("zfill() is limited to 1000 characters");
  std::string text = call.self.string();
  const size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const auto length = static_cast<int64_t>(text_length(text));
  if (length < width) text.insert(sign, static_cast<size_t>(width - length), '0');
  out = Value(std::move(text));
  return true;
}

bool isdigit(Call& call, Value& out) {
  if (!need_text(call, 0)) return false;
  const std::string& text = call.self.string();
  out = Value(!text.empty() && text.find_first_not_of("0123456789") == std::string::npos);
  return true;
}

bool need_time(Call& call) { return call.self.is_datetime() || call.wrong_kind(call.self, "time"); }

bool strftime(Call& call, Value& out) {
  if (!need_time(call)) return false;
  if (!call.args[0].is_string()) return call.wrong_kind(call.args[0], "string");
  out = Value(strftime_text(call.self.datetime(), call.args[0].string()));
  return true;
}

bool isoformat(Call& call, Value& out) {
  if (!need_time(call)) return false;
  out = Value(iso_text(call.self.datetime()));
  return true;
}

template <int first>
bool weekday(Call& call, Value& out) {
  if (!need_time(call)) return false;
  out = Value(civil_time(call.self.datetime()).weekday + first);
  return true;
}

bool timestamp(Call& call, Value& out) {
  if (!need_time(call)) return false;
  Decimal seconds{call.self.datetime().micros, 6};
  out = Value(seconds);
  return true;
}

bool date(Call& call, Value& out) {
  if (!need_time(call)) return false;
  CivilTime c = civil_time(call.self.datetime());
  c.hour = c.minute = c.second = c.micros = 0;
  DateTime day = from_civil_time(c, call.self.datetime().offset_seconds);
  day.date_only = true;
  out = Value(day);
  return true;
}

bool total_seconds(Call& call, Value& out) {
  if (!call.self.is_duration()) return call.wrong_kind(call.self, "duration");
  out = Value(Decimal{call.self.duration().micros, 6});
  return true;
}

constexpr Function kMethods[] = {
    {"get", "key,default", 1, get},
    {"items", "", 0, fields<true, true>},
    {"keys", "", 0, fields<true, false>},
    {"values", "", 0, fields<false, true>},
    {"split", "sep,maxsplit", 0, split},
    {"join", "list", 1, join},
    {"replace", "old,new,count", 2, replace},
    {"strip", "chars", 0, strip<true, true>},
    {"lstrip", "chars", 0, strip<true, false>},
    {"rstrip", "chars", 0, strip<false, true>},
    {"lower", "", 0, changed<lower_text>},
    {"upper", "", 0, changed<upper_text>},
    {"capitalize", "", 0, changed<capitalized>},
    {"title", "", 0, changed<titled>},
    {"startswith", "prefix", 1, has_affix<false>},
    {"endswith", "suffix", 1, has_affix<true>},
    {"removeprefix", "prefix", 1, remove_affix<false>},
    {"removesuffix", "suffix", 1, remove_affix<true>},
    {"find", "part", 1, find},
    {"count", "part", 1, count},
    {"zfill", "width", 1, zfill},
    {"isdigit", "", 0, isdigit},
    {"strftime", "format", 1, strftime},
    {"isoformat", "", 0, isoformat},
    {"weekday", "", 0, weekday<0>},
    {"isoweekday", "", 0, weekday<1>},
    {"timestamp", "", 0, timestamp},
    {"date", "", 0, date},
    {"total_seconds", "", 0, total_seconds},
};

}  // namespace

std::span<const Function> methods() { return kMethods; }

}  // namespace sujip::expressions
