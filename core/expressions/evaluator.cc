#include <fmt/format.h>

#include <algorithm>

#include "core/expressions/arithmetic.h"
#include "core/expressions/ast.h"
#include "core/expressions/datetime.h"

namespace sujip::expressions {
namespace {

constexpr size_t kMaxText = 1 << 20;  // of a repeated text or list

bool type_error(Scope& scope, const Node& node, std::string what) {
  return scope.fail(Failure::type, node.column, std::move(what));
}

bool undefined_error(Scope& scope, const Node& node, const Value& value) {
  if (!value.is_undefined()) return true;
  return scope.fail(Failure::undefined, node.column, "the value is undefined",
                    "use .get('name'), `is defined` or the filter default");
}

const LazyObject* lazy_of(const Node& node, const Scope& scope) {
  if (node.op != Op::name) return nullptr;
  const auto* slot = scope.variables.find(node.text);
  return slot != nullptr ? slot->lazy : nullptr;
}

bool eval_name(const Node& node, Scope& scope, Value& out) {
  const auto* slot = scope.variables.find(node.text);
  if (slot == nullptr) {
    std::vector<std::string_view> known;
    for (const auto& s : scope.variables.slots()) known.push_back(s.name);
    return scope.fail(Failure::other, node.column, fmt::format("undeclared name '{}'", node.text),
                      fmt::format("allowed: {}", fmt::join(known, ", ")));
  }
  out = slot->lazy != nullptr ? slot->lazy->all() : slot->get();
  return true;
}

bool time_attribute(const DateTime& at, std::string_view name, Value& out) {
  const CivilTime c = civil_time(at);
  if (name == "year")
    out = Value(c.year);
  else if (name == "month")
    out = Value(c.month);
  else if (name == "day")
    out = Value(c.day);
  else if (name == "hour")
    out = Value(c.hour);
  else if (name == "minute")
    out = Value(c.minute);
  else if (name == "second")
    out = Value(c.second);
  else if (name == "microsecond")
    out = Value(c.micros);
  else
    return false;
  return true;
}

bool eval_attribute(const Node& node, Scope& scope, Value& out) {
  const bool is_method_of_objects = node.text == "items" || node.text == "keys" || node.text == "values" ||
                                    node.text == "get" || node.text == "update" || node.text == "pop" ||
                                    node.text == "copy" || node.text == "clear";
  if (const LazyObject* lazy = lazy_of(*node.children[0], scope); lazy && !is_method_of_objects) {
    out = lazy->get(node.text);
    return true;
  }
  Value object;
  if (!evaluate(*node.children[0], scope, object)) return false;
  if (!undefined_error(scope, node, object)) return false;
  out = Value();
  if (object.is_object()) {
    // As in Python, a method hides the field of that name.
    if (is_method_of_objects)
      return scope.fail(Failure::other, node.column, fmt::format("'{}' is a method of objects here", node.text),
                        fmt::format("for the field write ['{}']", node.text));
    if (const Value* field = object.object().find(node.text)) {
      Value copy = *field;
      out = std::move(copy);
    }
  } else if (object.is_datetime()) {
    time_attribute(object.datetime(), node.text, out);
  } else if (object.is_duration()) {
    const int64_t seconds = object.duration().micros / 1000000;
    if (node.text == "days") out = Value(seconds / 86400);
    if (node.text == "seconds") out = Value(seconds % 86400);
  }
  return true;
}

// Byte offset of the n-th code point.
size_t offset_of(std::string_view text, size_t n) {
  size_t i = 0;
  while (n > 0 && i < text.size()) {
    ++i;
    while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) ++i;
    --n;
  }
  return i;
}

bool eval_item(const Node& node, Scope& scope, Value& out) {
  Value key;
  if (const LazyObject* lazy = lazy_of(*node.children[0], scope)) {
    const Node& key_node = *node.children[1];
    if (key_node.op == Op::constant && key_node.constant.is_string()) {
      out = lazy->get(key_node.constant.string());
      return true;
    }
    if (!evaluate(key_node, scope, key)) return false;
    out = lazy->get(text_of(scope, key));
    return true;
  }
  Value object;
  if (!evaluate(*node.children[0], scope, object) || !evaluate(*node.children[1], scope, key)) return false;
  if (!undefined_error(scope, node, object)) return false;
  out = Value();
  if (object.is_object()) {
    const std::string name = key.is_string() ? key.string() : text_of(scope, key);
    if (const Value* field = object.object().find(name)) {
      Value copy = *field;
      out = std::move(copy);
    }
    return true;
  }
  if ((object.is_list() || object.is_string()) && key.is_number()) {
    const auto index = key.number().to_int64();
    const size_t size = object.is_list() ? object.list().size() : text_length(object.string());
    if (!index) return true;
    const int64_t at = *index < 0 ? *index + static_cast<int64_t>(size) : *index;
    if (at < 0 || at >= static_cast<int64_t>(size)) return true;
    if (object.is_list()) {
      Value copy = object.list()[static_cast<size_t>(at)];
      out = std::move(copy);
    } else {
      const size_t from = offset_of(object.string(), static_cast<size_t>(at));
      const size_t to = from + offset_of(std::string_view(object.string()).substr(from), 1);
      out = Value(object.string().substr(from, to - from));
    }
  }
  return true;
}

bool eval_slice(const Node& node, Scope& scope, Value& out) {
  Value parts[4];
  for (size_t i = 0; i < 4; ++i)
    if (!evaluate(*node.children[i], scope, parts[i])) return false;
  if (!undefined_error(scope, node, parts[0])) return false;
  if (!parts[0].is_list() && !parts[0].is_string())
    return type_error(scope, node, fmt::format("a {} has no slices", name_of(parts[0].kind())));
  std::vector<std::string_view> points;
  if (parts[0].is_string()) {
    std::string_view rest = parts[0].string();
    while (!rest.empty()) {
      const size_t n = offset_of(rest, 1);
      points.push_back(rest.substr(0, n));
      rest.remove_prefix(n);
    }
  }
  const auto size = static_cast<int64_t>(parts[0].is_list() ? parts[0].list().size() : points.size());
  const auto bound = [&](const Value& v, int64_t fallback) -> std::optional<int64_t> {
    if (v.is_missing()) return fallback;
    if (!v.is_number()) return std::nullopt;
    return v.number().to_int64();
  };
  const auto step = bound(parts[3], 1);
  if (!step || *step == 0) return type_error(scope, node, "the step of a slice must not be 0");
  const int64_t low = *step > 0 ? 0 : -1;
  const int64_t high = *step > 0 ? size : size - 1;
  auto start = bound(parts[1], *step > 0 ? 0 : size - 1);
  auto stop = bound(parts[2], *step > 0 ? size : -size - 1);
  if (!start || !stop) return type_error(scope, node, "slices take whole numbers");
  if (*start < 0) *start += size;
  if (*stop < 0) *stop += size;
  *start = std::clamp(*start, low, high);
  *stop = std::clamp(*stop, low, high);
  Value::List items;
  std::string text;
  for (int64_t i = *start; *step > 0 ? i < *stop : i > *stop; i += *step) {
    const auto n = static_cast<size_t>(i);
    if (parts[0].is_list())
      items.push_back(parts[0].list()[n]);
    else
      text += points[n];
    if (*step > size || *step < -size) break;
  }
  out = parts[0].is_list() ? Value(std::move(items)) : Value(std::move(text));
  return true;
}

std::optional<Decimal> number_of(const Value& v) {
  if (v.is_number()) return v.number();
  if (v.is_bool()) return Decimal::of(v.boolean() ? 1 : 0);
  return std::nullopt;
}

std::string_view symbol(Op op) {
  switch (op) {
    case Op::add:
      return "+";
    case Op::subtract:
      return "-";
    case Op::multiply:
      return "*";
    case Op::divide:
      return "/";
    case Op::floor_divide:
      return "//";
    case Op::modulo:
      return "%";
    case Op::power:
      return "**";
    default:
      return "?";
  }
}

bool numeric(const Node& node, Scope& scope, const Decimal& a, const Decimal& b, Value& out) {
  std::optional<Decimal> result;
  const bool divides = node.op == Op::divide || node.op == Op::floor_divide || node.op == Op::modulo;
  if (divides && b.is_zero()) return scope.fail(Failure::other, node.column, "division by zero");
  switch (node.op) {
    case Op::add:
      result = add(a, b);
      break;
    case Op::subtract:
      result = subtract(a, b);
      break;
    case Op::multiply:
      result = multiply(a, b);
      break;
    case Op::divide:
      result = quotient(a, b);
      break;
    case Op::floor_divide:
      result = floor_quotient(a, b);
      break;
    case Op::modulo:
      result = modulo(a, b);
      break;
    case Op::power: {
      const auto exponent = b.to_int64();
      if (exponent) result = power(a, *exponent);
      break;
    }
    default:
      break;
  }
  if (!result) return scope.fail(Failure::other, node.column, "the result is not a number of up to 37 digits");
  out = Value(*result);
  return true;
}

bool repeat(const Node& node, Scope& scope, const Value& thing, const Decimal& times, Value& out) {
  const auto n = times.to_int64();
  const size_t size = thing.is_string() ? thing.string().size() : thing.list().size();
  if (!n) return type_error(scope, node, "texts and lists repeat a whole number of times");
  if (*n > 0 && size > 0 && static_cast<size_t>(*n) > kMaxText / size)
    return scope.fail(Failure::other, node.column, "the repeated text would be too long");
  std::string text;
  Value::List list;
  for (int64_t i = 0; i < *n && size > 0; ++i) {
    if (thing.is_string())
      text += thing.string();
    else
      list.insert(list.end(), thing.list().begin(), thing.list().end());
  }
  out = thing.is_string() ? Value(std::move(text)) : Value(std::move(list));
  return true;
}

bool eval_binary(const Node& node, Scope& scope, Value& out) {
  Value a;
  Value b;
  if (!evaluate(*node.children[0], scope, a) || !evaluate(*node.children[1], scope, b)) return false;
  if (!undefined_error(scope, node, a) || !undefined_error(scope, node, b)) return false;
  const auto x = number_of(a);
  const auto y = number_of(b);
  if (x && y) return numeric(node, scope, *x, *y, out);
  if (node.op == Op::add && a.is_string() && b.is_string()) {
    if (a.string().size() + b.string().size() > 16 * kMaxText)
      return scope.fail(Failure::other, node.column, "the text would be too long");
    out = Value(a.string() + b.string());
    return true;
  }
  if (node.op == Op::add && a.is_list() && b.is_list()) {
    Value::List list = a.list();
    list.insert(list.end(), b.list().begin(), b.list().end());
    out = Value(std::move(list));
    return true;
  }
  if (node.op == Op::multiply && (a.is_string() || a.is_list()) && y) return repeat(node, scope, a, *y, out);
  if (node.op == Op::multiply && (b.is_string() || b.is_list()) && x) return repeat(node, scope, b, *x, out);
  const bool minus = node.op == Op::subtract;
  if (node.op == Op::add || minus) {
    if (a.is_datetime() && b.is_duration()) {
      out = Value(minus ? sujip::minus(a.datetime(), b.duration()) : plus(a.datetime(), b.duration()));
      return true;
    }
    if (!minus && a.is_duration() && b.is_datetime()) {
      out = Value(plus(b.datetime(), a.duration()));
      return true;
    }
    if (minus && a.is_datetime() && b.is_datetime()) {
      out = Value(Duration{a.datetime().micros - b.datetime().micros, 0});
      return true;
    }
    if (a.is_duration() && b.is_duration()) {
      const int sign = minus ? -1 : 1;
      out = Value(
          Duration{a.duration().micros + sign * b.duration().micros, a.duration().months + sign * b.duration().months});
      return true;
    }
  }
  return type_error(
      scope, node,
      fmt::format("'{}' does not work between {} and {}", symbol(node.op), name_of(a.kind()), name_of(b.kind())));
}

bool eval_compare(const Node& node, Scope& scope, Value& out) {
  Value left;
  if (!evaluate(*node.children[0], scope, left)) return false;
  for (size_t i = 0; i < node.comparisons.size(); ++i) {
    const Comparison op = node.comparisons[i];
    const Node& right_node = *node.children[i + 1];
    bool holds = false;
    const LazyObject* lazy = lazy_of(right_node, scope);
    if ((op == Comparison::in || op == Comparison::not_in) && lazy != nullptr) {
      holds = left.is_string() && !lazy->get(left.string()).is_undefined();
      if (holds != (op == Comparison::in)) {
        out = Value(false);
        return true;
      }
      left = lazy->all();
      continue;
    }
    Value right;
    if (!evaluate(right_node, scope, right)) return false;
    switch (op) {
      case Comparison::equal:
        holds = left == right;
        break;
      case Comparison::unequal:
        holds = !(left == right);
        break;
      case Comparison::in:
      case Comparison::not_in:
        if (!contains(right, left, scope, node.column, holds)) return false;
        if (op == Comparison::not_in) holds = !holds;
        break;
      case Comparison::less:
      case Comparison::greater_equal:
        if (!less_than(left, right, scope, node.column, holds)) return false;
        if (op == Comparison::greater_equal) holds = !holds;
        break;
      case Comparison::greater:
      case Comparison::less_equal:
        if (!less_than(right, left, scope, node.column, holds)) return false;
        if (op == Comparison::less_equal) holds = !holds;
        break;
    }
    if (!holds) {
      out = Value(false);
      return true;
    }
    left = std::move(right);
  }
  out = Value(true);
  return true;
}

bool eval_call(const Node& node, Scope& scope, Value& out) {
  constexpr size_t kFew = 4;
  const size_t first = node.op == Op::macro ? 0 : 1;
  const size_t count = node.children.size() - first;
  Value few[kFew];
  std::vector<Value> many(count > kFew ? count : 0);
  const std::span<Value> args = count > kFew ? std::span<Value>(many) : std::span(few, count);
  Value self;
  if (node.op == Op::method && node.function->name == "get") {
    // The usual way to read a record: only this field is decoded.
    if (const LazyObject* lazy = lazy_of(*node.children[0], scope)) {
      if (!evaluate(*node.children[1], scope, args[0])) return false;
      out = lazy->get(text_of(scope, args[0]));
      if (!out.is_undefined()) return true;
      if (!evaluate(*node.children[2], scope, out)) return false;
      if (out.is_undefined()) out = Value::null();
      return true;
    }
  }
  if (first == 1 && !evaluate(*node.children[0], scope, self)) return false;
  for (size_t i = 0; i < count; ++i)
    if (!evaluate(*node.children[first + i], scope, args[i])) return false;
  if (node.op == Op::method && !undefined_error(scope, node, self)) return false;
  Call call{scope, node.column, *node.function, self, args};
  Value result;
  if (!node.function->body(call, result)) return false;
  if (node.op == Op::test && node.negated) result = Value(!result.boolean());
  out = std::move(result);
  return true;
}

}  // namespace

bool Call::wrong_kind(const Value& value, std::string_view expected) const {
  if (value.is_undefined())
    return scope.fail(Failure::undefined, column, fmt::format("'{}' of something undefined", function.name),
                      "use .get('name'), `is defined` or the filter default");
  return scope.fail(Failure::type, column,
                    fmt::format("'{}' does not work on a {}", function.name, name_of(value.kind())),
                    fmt::format("allowed: {}", expected));
}

void append_text_of(const Scope& scope, const Value& value, std::string& out) {
  if (scope.dialect == Dialect::exact) {
    if (value.is_missing()) return;
    if (value.is_bool()) {
      out += value.boolean() ? "true" : "false";
      return;
    }
    if (value.is_list() || value.is_object()) return append_json(out, value);
    if (value.is_number()) return value.number().append_to(out);
  }
  append_python_text(out, value);
}

std::string text_of(const Scope& scope, const Value& value) {
  if (value.is_string()) return value.string();
  std::string out;
  append_text_of(scope, value, out);
  return out;
}

bool less_than(const Value& a, const Value& b, Scope& scope, uint32_t column, bool& out) {
  const auto x = number_of(a);
  const auto y = number_of(b);
  if (x && y) {
    out = compare(*x, *y) < 0;
    return true;
  }
  if (a.is_undefined() || b.is_undefined())
    return scope.fail(Failure::undefined, column, "comparing something undefined");
  if (a.kind() == b.kind()) {
    switch (a.kind()) {
      case Value::Kind::string:
        out = a.string() < b.string();
        return true;
      case Value::Kind::datetime:
        out = a.datetime().micros < b.datetime().micros;
        return true;
      case Value::Kind::duration:
        out = a.duration().micros < b.duration().micros;
        return true;
      case Value::Kind::list: {
        const size_t n = std::min(a.list().size(), b.list().size());
        for (size_t i = 0; i < n; ++i)
          if (!(a.list()[i] == b.list()[i])) return less_than(a.list()[i], b.list()[i], scope, column, out);
        out = a.list().size() < b.list().size();
        return true;
      }
      default:
        break;
    }
  }
  return scope.fail(Failure::type, column,
                    fmt::format("{} and {} have no order", name_of(a.kind()), name_of(b.kind())));
}

bool contains(const Value& container, const Value& item, Scope& scope, uint32_t column, bool& out) {
  out = false;
  switch (container.kind()) {
    case Value::Kind::undefined:
      return true;
    case Value::Kind::list:
      out = std::find(container.list().begin(), container.list().end(), item) != container.list().end();
      return true;
    case Value::Kind::object:
      out = item.is_string() && container.object().find(item.string()) != nullptr;
      return true;
    case Value::Kind::string:
      if (item.is_string()) {
        out = container.string().find(item.string()) != std::string::npos;
        return true;
      }
      break;
    default:
      break;
  }
  return scope.fail(
      Failure::type, column,
      fmt::format("'in' does not work between {} and {}", name_of(item.kind()), name_of(container.kind())));
}

size_t text_length(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return n;
}

std::string lower_text(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return out;
}

std::string upper_text(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c & ~0x20);
  return out;
}

const Function* find_function(std::span<const Function> functions, std::string_view name) {
  for (const Function& f : functions)
    if (f.name == name) return &f;
  return nullptr;
}

std::string names_of(std::span<const Function> functions) {
  std::string out;
  for (const Function& f : functions) {
    if (!out.empty()) out += ", ";
    out += f.name;
  }
  return out;
}

bool evaluate(const Node& node, Scope& scope, Value& out) {
  switch (node.op) {
    case Op::constant:
      out = node.constant;
      return true;
    case Op::name:
      return eval_name(node, scope, out);
    case Op::attribute:
      return eval_attribute(node, scope, out);
    case Op::item:
      return eval_item(node, scope, out);
    case Op::slice:
      return eval_slice(node, scope, out);
    case Op::macro:
    case Op::method:
    case Op::filter:
    case Op::test:
      return eval_call(node, scope, out);
    case Op::logical_not:
      if (!evaluate(*node.children[0], scope, out)) return false;
      out = Value(!out.truthy());
      return true;
    case Op::logical_and:
    case Op::logical_or:
      if (!evaluate(*node.children[0], scope, out)) return false;
      if (out.truthy() == (node.op == Op::logical_or)) return true;
      return evaluate(*node.children[1], scope, out);
    case Op::negate:
    case Op::positive: {
      if (!evaluate(*node.children[0], scope, out)) return false;
      if (!undefined_error(scope, node, out)) return false;
      if (out.is_duration() && node.op == Op::negate) {
        out = Value(Duration{-out.duration().micros, -out.duration().months});
        return true;
      }
      const auto number = number_of(out);
      if (!number) return type_error(scope, node, fmt::format("a {} has no sign", name_of(out.kind())));
      out = Value(node.op == Op::negate ? -*number : *number);
      return true;
    }
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::floor_divide:
    case Op::modulo:
    case Op::power:
      return eval_binary(node, scope, out);
    case Op::concat: {
      Value a;
      Value b;
      if (!evaluate(*node.children[0], scope, a) || !evaluate(*node.children[1], scope, b)) return false;
      std::string text = text_of(scope, a);
      append_text_of(scope, b, text);
      out = Value(std::move(text));
      return true;
    }
    case Op::compare:
      return eval_compare(node, scope, out);
    case Op::conditional: {
      Value condition;
      if (!evaluate(*node.children[0], scope, condition)) return false;
      return evaluate(*node.children[condition.truthy() ? 1 : 2], scope, out);
    }
    case Op::list: {
      Value::List list;
      for (const NodePtr& child : node.children) {
        list.emplace_back();
        if (!evaluate(*child, scope, list.back())) return false;
      }
      out = Value(std::move(list));
      return true;
    }
    case Op::object: {
      Object object;
      for (size_t i = 0; i < node.children.size(); i += 2) {
        Value key;
        Value value;
        if (!evaluate(*node.children[i], scope, key) || !evaluate(*node.children[i + 1], scope, value)) return false;
        object.set(text_of(scope, key), std::move(value));
      }
      out = Value(std::move(object));
      return true;
    }
  }
  return false;
}

}  // namespace sujip::expressions
