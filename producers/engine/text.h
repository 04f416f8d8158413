#pragma once
// A templated text of a manifest: compiled once, with the parameters of its component and its place in
// the file for messages.

#include <optional>
#include <string>

#include "core/expressions/template.h"
#include "producers/engine/failure.h"
#include "producers/engine/node.h"

namespace sujip::engine {

class Text {
 public:
  // `component` gives the parameters.
  static Result<Text> compile(const Node& node, const Node& component);
  static Result<Text> literal(std::string text);
  // A condition: with or without braces.
  static Result<Text> condition(const Node& node, const Node& component);

  Got<Value> value(Variables variables) const;
  Got<std::string> text(Variables variables) const;
  Got<bool> truth(Variables variables) const;

 private:
  Text(Template compiled, Value parameters, std::string where)
      : template_(std::move(compiled)), parameters_(std::move(parameters)), where_(std::move(where)) {}
  Failure failed(Error error) const;

  Template template_;
  Value parameters_;
  std::string where_;
};

}  // namespace sujip::engine
