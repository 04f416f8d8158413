#include "producers/engine/text.h"

namespace sujip::engine {
namespace {

Value parameters_of(const Node& component) {
  const Node* parameters = component.find("$parameters");
  return parameters != nullptr ? parameters->value() : Value(Object{});
}

Error placed(Error error, const Node& node) {
  error.where = node.where();
  return error;
}

}  // namespace

Result<Text> Text::compile(const Node& node, const Node& component) {
  if (!node.is_scalar()) return node.error("a text is expected here");
  auto compiled = Template::compile(node.text);
  if (!compiled) return placed(compiled.error(), node);
  return Text(std::move(compiled).value(), parameters_of(component), node.where());
}

Result<Text> Text::literal(std::string text) {
  SUJIP_TRY(Template compiled, Template::compile(text));
  return Text(std::move(compiled), Value(Object{}), text);
}

Result<Text> Text::condition(const Node& node, const Node& component) {
  if (node.text.find("{{") != std::string::npos) return compile(node, component);
  auto compiled = Template::compile_expression(node.text);
  if (!compiled) return placed(compiled.error(), node);
  return Text(std::move(compiled).value(), parameters_of(component), node.where());
}

Failure Text::failed(Error error) const {
  error.where = where_;
  return {"config", std::move(error)};
}

Got<Value> Text::value(Variables variables) const {
  variables.bind("parameters", &parameters_);
  auto out = template_.evaluate(variables);
  if (!out) return failed(out.error());
  return std::move(out).value();
}

Got<std::string> Text::text(Variables variables) const {
  variables.bind("parameters", &parameters_);
  auto out = template_.evaluate_text(variables);
  if (!out) return failed(out.error());
  return std::move(out).value();
}

Got<bool> Text::truth(Variables variables) const {
  variables.bind("parameters", &parameters_);
  auto out = template_.evaluate_bool(variables);
  if (!out) return failed(out.error());
  return out.value();
}

}  // namespace sujip::engine
