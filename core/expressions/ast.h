#pragma once
// The tree of an expression and the functions it can call. Internal to core/expressions.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/expressions/template.h"

namespace sujip::expressions {

enum class Op : uint8_t {
  constant,
  name,
  attribute,
  item,
  slice,
  macro,
  method,
  filter,
  test,
  logical_not,
  logical_and,
  logical_or,
  negate,
  positive,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  concat,
  compare,
  conditional,
  list,
  object
};
enum class Comparison : uint8_t { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };

struct Function;

// `children` by op: attribute, item: the object (and the key); slice: object, start, stop, step;
// macro: arguments; method, filter, test: self, then arguments; compare: operands in a row;
// conditional: condition, then, else; object: key, value, key, value...
struct Node {
  Op op = Op::constant;
  uint32_t column = 0;
  bool negated = false;  // of tests: `is not`
  Value constant;
  std::string text;  // name, attribute
  const Function* function = nullptr;
  std::vector<Comparison> comparisons;
  std::vector<std::unique_ptr<Node>> children;
};
using NodePtr = std::unique_ptr<Node>;

enum class Failure : uint8_t { none, undefined, type, other };

// One evaluation: what is visible, and the first failure.
struct Scope {
  const Variables& variables;
  Dialect dialect;
  Failure failure = Failure::none;
  uint32_t column = 0;
  std::string what;
  std::string hint;

  // Always false, so that callers can `return scope.fail(..)`.
  bool fail(Failure kind, uint32_t at, std::string text, std::string help = "") {
    failure = kind;
    column = at;
    what = std::move(text);
    hint = std::move(help);
    return false;
  }
};

struct Call {
  Scope& scope;
  uint32_t column;
  const Function& function;
  const Value& self;  // undefined for macros
  std::span<Value> args;

  bool given(size_t i) const { return i < args.size() && !args[i].is_undefined(); }
  bool fail(std::string text, std::string help = "") const {
    return scope.fail(Failure::other, column, std::move(text), std::move(help));
  }
  // For an argument or self of a kind the function cannot use.
  bool wrong_kind(const Value& value, std::string_view expected) const;
};

// A macro, method, filter or test. `params` are its parameters by name, separated by commas; "..." at
// the end takes any number. The first `required` of them must be given.
struct Function {
  std::string_view name;
  std::string_view params;
  size_t required;
  bool (*body)(Call& call, Value& out);
};

std::span<const Function> macros();
std::span<const Function> methods();
std::span<const Function> filters();
std::span<const Function> tests();
std::span<const Function> text_filters();
const Function* find_function(std::span<const Function> functions, std::string_view name);
std::string names_of(std::span<const Function> functions);

// Fills `out`; false with scope.failure set.
bool evaluate(const Node& node, Scope& scope, Value& out);
// str(value) of the dialect.
void append_text_of(const Scope& scope, const Value& value, std::string& out);
std::string text_of(const Scope& scope, const Value& value);
// a < b and so on; unordered kinds are type errors.
bool less_than(const Value& a, const Value& b, Scope& scope, uint32_t column, bool& out);
bool contains(const Value& container, const Value& item, Scope& scope, uint32_t column, bool& out);

// Code points: what Python counts and cuts.
size_t text_length(std::string_view text);
std::string lower_text(std::string_view text);
std::string upper_text(std::string_view text);

}  // namespace sujip::expressions

namespace sujip {

struct CompiledTemplate {
  struct Segment {
    std::string literal;
    expressions::NodePtr expression;  // null: literal text
  };
  std::string text;
  Dialect dialect = Dialect::airbyte;
  std::vector<Segment> segments;
  std::vector<std::string> names;
};

}  // namespace sujip
