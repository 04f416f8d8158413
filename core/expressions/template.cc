#include "core/expressions/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/expressions/ast.h"
#include "core/expressions/parser.h"

namespace sujip {
namespace {

using expressions::Failure;
using expressions::Node;
using expressions::Op;
using expressions::Scope;

constexpr size_t kMaxTemplate = 64 * 1024;

Error error_of(const CompiledTemplate& compiled, const Scope& scope) {
  return {scope.what, expressions::place(compiled.text, scope.column), scope.hint};
}

// Renders all segments; false with scope.failure set.
bool render(const CompiledTemplate& compiled, Scope& scope, std::string& out) {
  for (const auto& segment : compiled.segments) {
    if (segment.expression == nullptr) {
      out += segment.literal;
      continue;
    }
    Value value;
    if (!expressions::evaluate(*segment.expression, scope, value)) return false;
    expressions::append_text_of(scope, value, out);
  }
  return true;
}

std::optional<Template::FieldAccess> field_of(const Node& node) {
  if (node.op == Op::attribute && node.children[0]->op == Op::name)
    return Template::FieldAccess{node.children[0]->text, node.text};
  if (node.op == Op::item && node.children[0]->op == Op::name && node.children[1]->op == Op::constant &&
      node.children[1]->constant.is_string())
    return Template::FieldAccess{node.children[0]->text, node.children[1]->constant.string()};
  return std::nullopt;
}

bool airbyte_truth(const Value& value) {
  static constexpr std::array<std::string_view, 8> kFalse = {"False", "false", "{}", "[]", "()", "", "0", "0.0"};
  switch (value.kind()) {
    case Value::Kind::undefined:
      return false;
    case Value::Kind::boolean:
      return value.boolean();
    case Value::Kind::number:
      return !value.number().is_zero();
    case Value::Kind::string:
      return std::find(kFalse.begin(), kFalse.end(), value.string()) == kFalse.end();
    case Value::Kind::list:
      return !value.list().empty();
    case Value::Kind::object:
      return !value.object().empty();
    default:
      return true;  // null too
  }
}

}  // namespace

Result<Template> Template::compile(std::string_view text, Dialect dialect, const std::vector<std::string>& names) {
  if (text.size() > kMaxTemplate)
    return Error{fmt::format("the template has {} bytes", text.size()), expressions::place(text, 1),
                 fmt::format("allowed: {}", kMaxTemplate)};
  if (dialect == Dialect::airbyte) {
    if (const size_t at = text.find("stream_state"); at != text.npos)
      return Error{"stream_state is not available in templates", expressions::place(text, at + 1),
                   "use stream_interval or stream_slice"};
  }
  auto compiled = std::make_shared<CompiledTemplate>();
  compiled->text = text;
  compiled->dialect = dialect;
  SUJIP_CHECK_OK(expressions::parse_template(*compiled, names));
  return Template(std::move(compiled));
}

Result<Template> Template::compile_expression(std::string_view expression, Dialect dialect,
                                              const std::vector<std::string>& names) {
  return compile(fmt::format("{{{{ {} }}}}", expression), dialect, names);
}

Result<Value> Template::evaluate(const Variables& variables, OnUndefined on_undefined) const {
  const CompiledTemplate& t = *compiled_;
  const bool airbyte = t.dialect == Dialect::airbyte;
  Scope scope{variables, t.dialect, {}, 0, {}, {}};
  Value result;
  bool ok;
  if (t.segments.size() == 1 && t.segments[0].expression != nullptr) {
    ok = expressions::evaluate(*t.segments[0].expression, scope, result);
  } else {
    std::string text;
    ok = render(t, scope, text);
    result = Value(std::move(text));
  }
  if (!ok) {
    if (scope.failure == Failure::undefined && on_undefined == OnUndefined::undefined) return Value();
    if (scope.failure != Failure::type || !airbyte) return error_of(t, scope);
    result = Value(t.text);
  }
  if (airbyte && result.is_string()) return literal_eval(std::move(result.mutable_string()));
  return result;
}

Result<std::string> Template::evaluate_text(const Variables& variables) const {
  const CompiledTemplate& t = *compiled_;
  Scope scope{variables, t.dialect, {}, 0, {}, {}};
  std::string text;
  if (render(t, scope, text)) return text;
  if (scope.failure == Failure::type && t.dialect == Dialect::airbyte) return t.text;
  return error_of(t, scope);
}

Result<bool> Template::evaluate_bool(const Variables& variables) const {
  const CompiledTemplate& t = *compiled_;
  auto value = evaluate(variables, OnUndefined::undefined);
  if (!value) return value.error();
  if (t.dialect == Dialect::airbyte) return airbyte_truth(*value);
  return value->truthy();
}

std::optional<Template::FieldAccess> Template::as_field() const {
  const auto& segments = compiled_->segments;
  if (segments.size() != 1 || segments[0].expression == nullptr) return std::nullopt;
  return field_of(*segments[0].expression);
}

std::optional<Template::FilteredField> Template::as_filtered_field() const {
  const auto& segments = compiled_->segments;
  if (segments.size() != 1 || segments[0].expression == nullptr) return std::nullopt;
  const Node& node = *segments[0].expression;
  if (node.op != Op::filter) return std::nullopt;
  const auto field = field_of(*node.children[0]);
  if (!field) return std::nullopt;
  FilteredField result{*field, node.function->name, {}};
  for (size_t i = 1; i < node.children.size(); ++i) {
    if (node.children[i]->op != Op::constant) return std::nullopt;
    result.arguments.push_back(&node.children[i]->constant);
  }
  return result;
}

std::optional<std::string_view> Template::as_literal() const {
  const auto& segments = compiled_->segments;
  if (segments.empty()) return std::string_view();
  if (segments.size() != 1 || segments[0].expression != nullptr) return std::nullopt;
  return segments[0].literal;
}

const std::string& Template::text() const { return compiled_->text; }
const std::vector<std::string>& Template::names() const { return compiled_->names; }

}  // namespace sujip
