#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/expressions/arithmetic.h"
#include "core/expressions/expression_parser.h"

namespace sujip::expressions {

NodePtr ExpressionParser::name() {
  const size_t at = token_.at;
  const std::string text(token_.raw);
  advance();
  if (text == "true" || text == "True") return constant(Value(true), at);
  if (text == "false" || text == "False") return constant(Value(false), at);
  if (text == "none" || text == "None") return constant(Value::null(), at);
  if (is_op("(")) {
    const Function* function = find_function(macros(), text);
    if (function == nullptr)
      return fail(at, fmt::format("unknown function '{}'", text), fmt::format("allowed: {}", names_of(macros())));
    NodePtr node = make(Op::macro, at);
    return arguments(std::move(node), *function);
  }
  if (!declared_.empty() && std::find(declared_.begin(), declared_.end(), text) == declared_.end())
    return fail(at, fmt::format("undeclared name '{}'", text), fmt::format("allowed: {}", fmt::join(declared_, ", ")));
  note(text);
  NodePtr node = make(Op::name, at);
  if (node) node->text = text;
  return node;
}

NodePtr ExpressionParser::postfix(NodePtr node) {
  while (node) {
    const size_t at = token_.at;
    if (take_op(".")) {
      if (token_.kind != Token::Kind::name && token_.kind != Token::Kind::integer)
        return unexpected("the name of an attribute or method");
      const std::string text(token_.raw);
      const bool index = token_.kind == Token::Kind::integer;
      const size_t name_at = token_.at;
      advance();
      if (!index && is_op("(")) {
        const Function* function = find_function(methods(), text);
        if (function == nullptr)
          return fail(name_at, fmt::format("unknown method '{}'", text),
                      fmt::format("allowed: {}", names_of(methods())));
        node = arguments(make(Op::method, name_at, std::move(node)), *function);
        if (node && text == "get" && node->children[1]->op == Op::constant && node->children[1]->constant.is_string())
          note_field(*node->children[0], node->children[1]->constant.string());
      } else if (index) {
        node = make(Op::item, at, std::move(node), constant(*parse_rounded(text), name_at));
      } else {
        note_field(*node, text);
        node = make(Op::attribute, at, std::move(node));
        if (node) node->text = text;
      }
    } else if (is_op("[")) {
      advance();
      node = subscript(std::move(node), at);
    } else if (is_op("(")) {
      return fail(at, "only functions and methods can be called");
    } else {
      break;
    }
  }
  return node;
}

NodePtr ExpressionParser::filtered(NodePtr node) {
  while (node) {
    const size_t at = token_.at;
    if (take_op("|")) {
      node = filter(std::move(node), at);
    } else if (take_name("is")) {
      node = test(std::move(node), at);
    } else {
      break;
    }
  }
  return node;
}

NodePtr ExpressionParser::filter(NodePtr node, size_t at) {
  if (token_.kind != Token::Kind::name) return unexpected("the name of a filter");
  const std::string text(token_.raw);
  const size_t name_at = token_.at;
  advance();
  const Function* function = find_function(filters(), text);
  if (function == nullptr) function = find_function(text_filters(), text);
  if (function == nullptr)
    return fail(name_at, fmt::format("unknown filter '{}'", text),
                fmt::format("allowed: {}, {}", names_of(filters()), names_of(text_filters())));
  node = make(Op::filter, at, std::move(node));
  if (is_op("(")) return arguments(std::move(node), *function);
  return bind(std::move(node), *function, {}, {});
}

NodePtr ExpressionParser::test(NodePtr node, size_t at) {
  const bool negated = take_name("not");
  std::string text(token_.raw);
  if (token_.kind != Token::Kind::name && !is_op("==")) return unexpected("the name of a test");
  const size_t name_at = token_.at;
  advance();
  const Function* function = find_function(tests(), text);
  if (function == nullptr)
    return fail(name_at, fmt::format("unknown test '{}'", text), fmt::format("allowed: {}", names_of(tests())));
  node = make(Op::test, at, std::move(node));
  if (node) node->negated = negated;
  if (is_op("(") && !function->params.empty()) return arguments(std::move(node), *function);
  std::vector<NodePtr> positional;
  if (function->required > 0) {
    NodePtr argument = postfix(primary());
    if (!argument) return nullptr;
    positional.push_back(std::move(argument));
  }
  return bind(std::move(node), *function, std::move(positional), {});
}

NodePtr ExpressionParser::arguments(NodePtr node, const Function& function) {
  if (!node) return nullptr;
  advance();  // (
  std::vector<NodePtr> positional;
  std::vector<std::pair<std::string, NodePtr>> named;
  while (!is_op(")")) {
    if (token_.kind == Token::Kind::name) {
      size_t ahead = at_;
      const Token next = next_token(source_, ahead);
      if (next.kind == Token::Kind::op && next.raw == "=") {
        std::string key(token_.raw);
        advance();
        advance();
        NodePtr value = expression();
        if (!value) return nullptr;
        named.emplace_back(std::move(key), std::move(value));
        if (!take_op(",") && !is_op(")")) return unexpected(", or )");
        continue;
      }
    }
    NodePtr value = expression();
    if (!value) return nullptr;
    positional.push_back(std::move(value));
    if (!take_op(",") && !is_op(")")) return unexpected(", or )");
  }
  advance();
  return bind(std::move(node), function, std::move(positional), std::move(named));
}

// Puts the arguments in the order of the parameters, once and for all.
NodePtr ExpressionParser::bind(NodePtr node, const Function& function, std::vector<NodePtr> positional,
                               std::vector<std::pair<std::string, NodePtr>> named) {
  if (!node) return nullptr;
  const size_t at = node->column - 1;
  node->function = &function;
  std::vector<std::string_view> params;
  bool variadic = false;
  for (std::string_view rest = function.params; !rest.empty();) {
    const size_t comma = rest.find(',');
    const std::string_view param = rest.substr(0, comma);
    if (param == "...")
      variadic = true;
    else
      params.push_back(param);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
  }
  const auto usage = [&] { return fmt::format("usage: {}({})", function.name, function.params); };
  if (positional.size() > params.size() && !variadic)
    return fail(at, fmt::format("too many arguments for '{}'", function.name), usage());
  std::vector<NodePtr> bound(std::max(params.size(), positional.size()));
  for (size_t i = 0; i < positional.size(); ++i) bound[i] = std::move(positional[i]);
  for (auto& [key, value] : named) {
    const auto param = std::find(params.begin(), params.end(), key);
    if (param == params.end()) return fail(at, fmt::format("'{}' has no argument '{}'", function.name, key), usage());
    NodePtr& place_of = bound[static_cast<size_t>(param - params.begin())];
    if (place_of) return fail(at, fmt::format("argument '{}' is given twice", key), usage());
    place_of = std::move(value);
  }
  for (size_t i = 0; i < bound.size(); ++i) {
    if (!bound[i]) {
      if (i < function.required) return fail(at, fmt::format("'{}' lacks an argument", function.name), usage());
      bound[i] = constant(Value(), at);
      if (!bound[i]) return nullptr;
    }
    node->children.push_back(std::move(bound[i]));
  }
  if (bound.size() < function.required) return fail(at, fmt::format("'{}' lacks an argument", function.name), usage());
  return node;
}

}  // namespace sujip::expressions
