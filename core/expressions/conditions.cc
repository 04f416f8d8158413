// The tests behind `is`.

#include "core/expressions/arithmetic.h"
#include "core/expressions/ast.h"

namespace sujip::expressions {
namespace {

template <Value::Kind... kinds>
bool is_kind(Call& call, Value& out) {
  out = Value(((call.self.kind() == kinds) || ...));
  return true;
}

bool defined(Call& call, Value& out) {
  out = Value(!call.self.is_undefined());
  return true;
}

template <bool expected>
bool is_boolean(Call& call, Value& out) {
  out = Value(call.self.is_bool() && call.self.boolean() == expected);
  return true;
}

bool integer(Call& call, Value& out) {
  out = Value(call.self.is_number() && call.self.number().scale == 0);
  return true;
}

bool real(Call& call, Value& out) {
  out = Value(call.self.is_number() && call.self.number().scale > 0);
  return true;
}

bool equal(Call& call, Value& out) {
  out = Value(call.self == call.args[0]);
  return true;
}

bool inside(Call& call, Value& out) {
  bool result = false;
  if (!contains(call.args[0], call.self, call.scope, call.column, result)) return false;
  out = Value(result);
  return true;
}

template <int rest>
bool remainder_of_two(Call& call, Value& out) {
  if (!call.self.is_number()) return call.wrong_kind(call.self, "number");
  const auto r = modulo(call.self.number(), Decimal::of(2));
  out = Value(r && compare(*r, Decimal::of(rest)) == 0);
  return true;
}

using K = Value::Kind;
constexpr Function kTests[] = {
    {"none", "", 0, is_kind<K::null>},
    {"defined", "", 0, defined},
    {"undefined", "", 0, is_kind<K::undefined>},
    {"true", "", 0, is_boolean<true>},
    {"false", "", 0, is_boolean<false>},
    {"boolean", "", 0, is_kind<K::boolean>},
    {"string", "", 0, is_kind<K::string>},
    {"number", "", 0, is_kind<K::number, K::boolean>},
    {"integer", "", 0, integer},
    {"float", "", 0, real},
    {"mapping", "", 0, is_kind<K::object>},
    {"sequence", "", 0, is_kind<K::list, K::string, K::object>},
    {"iterable", "", 0, is_kind<K::list, K::string, K::object>},
    {"even", "", 0, remainder_of_two<0>},
    {"odd", "", 0, remainder_of_two<1>},
    {"in", "container", 1, inside},
    {"eq", "other", 1, equal},
    {"equalto", "other", 1, equal},
    {"==", "other", 1, equal},
};

}  // namespace

std::span<const Function> tests() { return kTests; }

}  // namespace sujip::expressions
