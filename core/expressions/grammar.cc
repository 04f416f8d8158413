#include <fmt/format.h>

#include <algorithm>

#include "core/expressions/arithmetic.h"
#include "core/expressions/expression_parser.h"

namespace sujip::expressions {

NodePtr ExpressionParser::read(size_t& at, bool& strip_after) {
  at_ = at;
  advance();
  NodePtr node = tuple();
  if (!node) return nullptr;
  strip_after = ends_with_strip();
  if (!strip_after && !ends()) return unexpected("an operator or }}");
  at = token_.at + (strip_after ? 3 : 2);
  return node;
}

NodePtr ExpressionParser::fail(size_t at, std::string what, std::string hint) {
  if (error_.empty()) {
    error_ = std::move(what);
    hint_ = std::move(hint);
    error_at_ = at;
  }
  return nullptr;
}

NodePtr ExpressionParser::unexpected(std::string_view allowed) {
  std::string found = "the end of the template";
  if (token_.kind == Token::Kind::bad && !token_.raw.empty() && (token_.raw[0] == '\'' || token_.raw[0] == '"'))
    found = "an open quote";
  else if (token_.kind != Token::Kind::end)
    found = fmt::format("'{}'", token_.raw);
  return fail(token_.at, fmt::format("unexpected {}", found), fmt::format("allowed: {}", allowed));
}

NodePtr ExpressionParser::make(Op op, size_t at) {
  if (++nodes_ > kMaxNodes) return fail(at, "the expression is too long");
  auto node = std::make_unique<Node>();
  node->op = op;
  node->column = static_cast<uint32_t>(at + 1);
  return node;
}

NodePtr ExpressionParser::make(Op op, size_t at, NodePtr a) {
  if (!a) return nullptr;
  NodePtr node = make(op, at);
  if (node) node->children.push_back(std::move(a));
  return node;
}

NodePtr ExpressionParser::make(Op op, size_t at, NodePtr a, NodePtr b) {
  if (!a || !b) return nullptr;
  NodePtr node = make(op, at, std::move(a));
  if (node) node->children.push_back(std::move(b));
  return node;
}

NodePtr ExpressionParser::constant(Value value, size_t at) {
  NodePtr node = make(Op::constant, at);
  if (node) node->constant = std::move(value);
  return node;
}

void ExpressionParser::note(std::string name) {
  if (std::find(used_.begin(), used_.end(), name) == used_.end()) used_.push_back(std::move(name));
}

void ExpressionParser::note_field(const Node& object, std::string_view field) {
  if (object.op == Op::name) note(fmt::format("{}.{}", object.text, field));
}

NodePtr ExpressionParser::tuple() {
  const size_t at = token_.at;
  NodePtr first = expression();
  if (!first || !is_op(",")) return first;
  NodePtr list = make(Op::list, at, std::move(first));
  while (list && take_op(",")) {
    if (ends() || ends_with_strip() || is_op(")")) break;
    NodePtr next = expression();
    if (!next) return nullptr;
    list->children.push_back(std::move(next));
  }
  return list;
}

NodePtr ExpressionParser::expression() {
  if (++depth_ > kMaxDepth) return fail(token_.at, "the expression is nested too deeply");
  NodePtr node = either();
  while (node && is_name("if")) {
    const size_t at = token_.at;
    advance();
    NodePtr condition = either();
    NodePtr otherwise;
    if (condition && take_name("else"))
      otherwise = expression();
    else if (condition)
      otherwise = constant(Value(), at);
    if (!condition || !otherwise) return nullptr;
    NodePtr choice = make(Op::conditional, at, std::move(condition), std::move(node));
    if (choice) choice->children.push_back(std::move(otherwise));
    node = std::move(choice);
  }
  --depth_;
  return node;
}

NodePtr ExpressionParser::either() {
  NodePtr node = both();
  while (node && is_name("or")) {
    const size_t at = token_.at;
    advance();
    node = make(Op::logical_or, at, std::move(node), both());
  }
  return node;
}

NodePtr ExpressionParser::both() {
  NodePtr node = inverted();
  while (node && is_name("and")) {
    const size_t at = token_.at;
    advance();
    node = make(Op::logical_and, at, std::move(node), inverted());
  }
  return node;
}

NodePtr ExpressionParser::inverted() {
  if (!is_name("not")) return comparison();
  const size_t at = token_.at;
  advance();
  if (++depth_ > kMaxDepth) return fail(at, "the expression is nested too deeply");
  NodePtr node = make(Op::logical_not, at, inverted());
  --depth_;
  return node;
}

bool ExpressionParser::comparison_operator(Comparison& op) {
  static constexpr std::pair<std::string_view, Comparison> kOps[] = {
      {"==", Comparison::equal},         {"!=", Comparison::unequal}, {"<=", Comparison::less_equal},
      {">=", Comparison::greater_equal}, {"<", Comparison::less},     {">", Comparison::greater}};
  for (const auto& [text, code] : kOps)
    if (take_op(text)) {
      op = code;
      return true;
    }
  if (take_name("in")) {
    op = Comparison::in;
    return true;
  }
  if (is_name("not")) {
    size_t ahead = at_;
    const Token next = next_token(source_, ahead);
    if (next.kind != Token::Kind::name || next.raw != "in") return false;
    advance();
    advance();
    op = Comparison::not_in;
    return true;
  }
  return false;
}

NodePtr ExpressionParser::comparison() {
  const size_t at = token_.at;
  NodePtr node = sum();
  Comparison op{};
  NodePtr chain;
  while (node && comparison_operator(op)) {
    if (!chain) {
      chain = make(Op::compare, at, std::move(node));
      if (!chain) return nullptr;
    }
    chain->comparisons.push_back(op);
    node = sum();
    if (!node) return nullptr;
    chain->children.push_back(std::move(node));
    node = std::make_unique<Node>();  // stands for "go on"
  }
  return chain ? std::move(chain) : std::move(node);
}

NodePtr ExpressionParser::sum() {
  NodePtr node = joined();
  while (node && (is_op("+") || is_op("-"))) {
    const size_t at = token_.at;
    const Op op = token_.raw == "+" ? Op::add : Op::subtract;
    advance();
    node = make(op, at, std::move(node), joined());
  }
  return node;
}

NodePtr ExpressionParser::joined() {
  NodePtr node = product();
  while (node && is_op("~")) {
    const size_t at = token_.at;
    advance();
    node = make(Op::concat, at, std::move(node), product());
  }
  return node;
}

NodePtr ExpressionParser::product() {
  NodePtr node = powered();
  while (node && (is_op("*") || is_op("/") || is_op("//") || is_op("%"))) {
    const size_t at = token_.at;
    const Op op = token_.raw == "*"    ? Op::multiply
                  : token_.raw == "/"  ? Op::divide
                  : token_.raw == "//" ? Op::floor_divide
                                       : Op::modulo;
    advance();
    node = make(op, at, std::move(node), powered());
  }
  return node;
}

NodePtr ExpressionParser::powered() {
  NodePtr node = unary(true);
  while (node && is_op("**")) {
    const size_t at = token_.at;
    advance();
    node = make(Op::power, at, std::move(node), unary(true));
  }
  return node;
}

NodePtr ExpressionParser::unary(bool with_filters) {
  if (++depth_ > kMaxDepth) return fail(token_.at, "the expression is nested too deeply");
  NodePtr node;
  const size_t at = token_.at;
  if (is_op("-") || is_op("+")) {
    const Op op = token_.raw == "-" ? Op::negate : Op::positive;
    advance();
    node = make(op, at, unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  if (with_filters) node = filtered(std::move(node));
  --depth_;
  return node;
}

NodePtr ExpressionParser::primary() {
  const size_t at = token_.at;
  switch (token_.kind) {
    case Token::Kind::name:
      return name();
    case Token::Kind::integer:
    case Token::Kind::real: {
      std::string digits(token_.raw);
      std::erase(digits, '_');
      auto number = parse_rounded(digits);
      if (number && token_.kind == Token::Kind::real && number->scale == 0) number = number->rescaled(1);
      if (!number) return fail(at, "the number has more than 37 digits");
      advance();
      return constant(*number, at);
    }
    case Token::Kind::text: {
      std::string text;
      while (token_.kind == Token::Kind::text) {
        text += token_.text;
        advance();
      }
      return constant(Value(std::move(text)), at);
    }
    case Token::Kind::op:
      if (is_op("(")) return bracketed();
      if (is_op("[")) return list();
      if (is_op("{") && !ends()) return object();
      break;
    default:
      break;
  }
  return unexpected("a name, a number, a quoted text, (, [ or {");
}

NodePtr ExpressionParser::bracketed() {
  const size_t at = token_.at;
  advance();
  if (take_op(")")) return constant(Value(Value::List{}), at);
  NodePtr node = tuple();
  if (!node) return nullptr;
  if (!take_op(")")) return unexpected(")");
  return node;
}

NodePtr ExpressionParser::list() {
  NodePtr node = make(Op::list, token_.at);
  advance();
  while (node && !is_op("]")) {
    NodePtr item = expression();
    if (!item) return nullptr;
    node->children.push_back(std::move(item));
    if (!take_op(",") && !is_op("]")) return unexpected(", or ]");
  }
  advance();
  return node;
}

NodePtr ExpressionParser::object() {
  NodePtr node = make(Op::object, token_.at);
  advance();
  while (node && !is_op("}")) {
    NodePtr key = expression();
    if (!key) return nullptr;
    if (!take_op(":")) return unexpected(":");
    NodePtr value = expression();
    if (!value) return nullptr;
    node->children.push_back(std::move(key));
    node->children.push_back(std::move(value));
    if (!take_op(",") && !is_op("}")) return unexpected(", or }");
  }
  advance();
  return node;
}

NodePtr ExpressionParser::subscript(NodePtr object, size_t at) {
  NodePtr parts[3];
  int part = 0;
  bool slice = false;
  while (!is_op("]")) {
    if (take_op(":")) {
      slice = true;
      if (++part > 2) return unexpected("]");
      continue;
    }
    if (parts[part]) return unexpected("] or :");
    parts[part] = expression();
    if (!parts[part]) return nullptr;
  }
  advance();
  if (!slice) {
    if (!parts[0]) return fail(at, "an index is missing");
    if (parts[0]->op == Op::constant && parts[0]->constant.is_string())
      note_field(*object, parts[0]->constant.string());
    return make(Op::item, at, std::move(object), std::move(parts[0]));
  }
  NodePtr node = make(Op::slice, at, std::move(object));
  for (NodePtr& p : parts) {
    if (!p) p = constant(Value::null(), at);
    if (!node || !p) return nullptr;
    node->children.push_back(std::move(p));
  }
  return node;
}

}  // namespace sujip::expressions
