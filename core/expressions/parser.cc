#include "core/expressions/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/expressions/arithmetic.h"
#include "core/expressions/scanner.h"

namespace sujip::expressions {
namespace {

constexpr int kMaxDepth = 60;
constexpr size_t kMaxNodes = 2000;  // the tree is walked by recursion

class Parser {
 public:
  Parser(std::string_view source, std::vector<std::string>& used,
         const std::vector<std::string>& declared)
      : source_(source), used_(used), declared_(declared) {}

  // Reads the expression behind `{{` at `at`; afterwards `at` is behind its end mark.
  NodePtr read(size_t& at, bool& strip_after) {
    at_ = at;
    advance();
    NodePtr node = tuple();
    if (!node) return nullptr;
    strip_after = ends_with_strip();
    if (!strip_after && !ends()) return unexpected("an operator or }}");
    at = token_.at + (strip_after ? 3 : 2);
    return node;
  }

  size_t error_at() const { return error_at_; }
  const std::string& error() const { return error_; }
  const std::string& hint() const { return hint_; }

 private:
  // --- tokens
  void advance() { token_ = next_token(source_, at_); }
  bool is_op(std::string_view op) const {
    return token_.kind == Token::Kind::op && token_.raw == op && !ends_with_strip();
  }
  bool is_name(std::string_view name) const {
    return token_.kind == Token::Kind::name && token_.raw == name;
  }
  bool take_op(std::string_view op) {
    if (!is_op(op)) return false;
    advance();
    return true;
  }
  bool take_name(std::string_view name) {
    if (!is_name(name)) return false;
    advance();
    return true;
  }
  bool ends() const { return source_.substr(token_.at, 2) == "}}"; }
  bool ends_with_strip() const { return source_.substr(token_.at, 3) == "-}}"; }

  // --- errors
  NodePtr fail(size_t at, std::string what, std::string hint = "") {
    if (error_.empty()) {
      error_ = std::move(what);
      hint_ = std::move(hint);
      error_at_ = at;
    }
    return nullptr;
  }
  NodePtr unexpected(std::string_view allowed) {
    std::string found = "the end of the template";
    if (token_.kind == Token::Kind::bad && !token_.raw.empty() &&
        (token_.raw[0] == '\'' || token_.raw[0] == '"'))
      found = "an open quote";
    else if (token_.kind != Token::Kind::end)
      found = fmt::format("'{}'", token_.raw);
    return fail(token_.at, fmt::format("unexpected {}", found), fmt::format("allowed: {}", allowed));
  }

  // --- nodes
  NodePtr make(Op op, size_t at) {
    if (++nodes_ > kMaxNodes) return fail(at, "the expression is too long");
    auto node = std::make_unique<Node>();
    node->op = op;
    node->column = static_cast<uint32_t>(at + 1);
    return node;
  }
  NodePtr make(Op op, size_t at, NodePtr a) {
    if (!a) return nullptr;
    NodePtr node = make(op, at);
    if (node) node->children.push_back(std::move(a));
    return node;
  }
  NodePtr make(Op op, size_t at, NodePtr a, NodePtr b) {
    if (!a || !b) return nullptr;
    NodePtr node = make(op, at, std::move(a));
    if (node) node->children.push_back(std::move(b));
    return node;
  }
  NodePtr constant(Value value, size_t at) {
    NodePtr node = make(Op::constant, at);
    if (node) node->constant = std::move(value);
    return node;
  }

  // --- grammar, loosest first
  NodePtr tuple() {
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

  NodePtr expression() {
    if (++depth_ > kMaxDepth) return fail(token_.at, "the expression is nested too deeply");
    NodePtr node = either();
    while (node && is_name("if")) {
      const size_t at = token_.at;
      advance();
      NodePtr condition = either();
      NodePtr otherwise;
      if (condition && take_name("else")) otherwise = expression();
      else if (condition) otherwise = constant(Value(), at);
      if (!condition || !otherwise) return nullptr;
      NodePtr choice = make(Op::conditional, at, std::move(condition), std::move(node));
      if (choice) choice->children.push_back(std::move(otherwise));
      node = std::move(choice);
    }
    --depth_;
    return node;
  }

  NodePtr either() {
    NodePtr node = both();
    while (node && is_name("or")) {
      const size_t at = token_.at;
      advance();
      node = make(Op::logical_or, at, std::move(node), both());
    }
    return node;
  }

  NodePtr both() {
    NodePtr node = inverted();
    while (node && is_name("and")) {
      const size_t at = token_.at;
      advance();
      node = make(Op::logical_and, at, std::move(node), inverted());
    }
    return node;
  }

  NodePtr inverted() {
    if (!is_name("not")) return comparison();
    const size_t at = token_.at;
    advance();
    if (++depth_ > kMaxDepth) return fail(at, "the expression is nested too deeply");
    NodePtr node = make(Op::logical_not, at, inverted());
    --depth_;
    return node;
  }

  bool comparison_operator(Comparison& op) {
    static constexpr std::pair<std::string_view, Comparison> kOps[] = {
        {"==", Comparison::equal},      {"!=", Comparison::unequal},
        {"<=", Comparison::less_equal}, {">=", Comparison::greater_equal},
        {"<", Comparison::less},        {">", Comparison::greater}};
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

  NodePtr comparison() {
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

  NodePtr sum() {
    NodePtr node = joined();
    while (node && (is_op("+") || is_op("-"))) {
      const size_t at = token_.at;
      const Op op = token_.raw == "+" ? Op::add : Op::subtract;
      advance();
      node = make(op, at, std::move(node), joined());
    }
    return node;
  }

  NodePtr joined() {
    NodePtr node = product();
    while (node && is_op("~")) {
      const size_t at = token_.at;
      advance();
      node = make(Op::concat, at, std::move(node), product());
    }
    return node;
  }

  NodePtr product() {
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

  NodePtr powered() {
    NodePtr node = unary(true);
    while (node && is_op("**")) {
      const size_t at = token_.at;
      advance();
      node = make(Op::power, at, std::move(node), unary(true));
    }
    return node;
  }

  NodePtr unary(bool with_filters) {
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

  NodePtr primary() {
    const size_t at = token_.at;
    switch (token_.kind) {
      case Token::Kind::name: return name();
      case Token::Kind::integer:
      case Token::Kind::real: {
        std::string digits(token_.raw);
        std::erase(digits, '_');
        auto number = parse_rounded(digits);
        if (number && token_.kind == Token::Kind::real && number->scale == 0)
          number = number->rescaled(1);
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
      default: break;
    }
    return unexpected("a name, a number, a quoted text, (, [ or {");
  }

  NodePtr name() {
    const size_t at = token_.at;
    const std::string text(token_.raw);
    advance();
    if (text == "true" || text == "True") return constant(Value(true), at);
    if (text == "false" || text == "False") return constant(Value(false), at);
    if (text == "none" || text == "None") return constant(Value::null(), at);
    if (is_op("(")) {
      const Function* function = find_function(macros(), text);
      if (function == nullptr)
        return fail(at, fmt::format("unknown function '{}'", text),
                    fmt::format("allowed: {}", names_of(macros())));
      NodePtr node = make(Op::macro, at);
      return arguments(std::move(node), *function);
    }
    if (!declared_.empty() && std::find(declared_.begin(), declared_.end(), text) == declared_.end())
      return fail(at, fmt::format("undeclared name '{}'", text),
                  fmt::format("allowed: {}", fmt::join(declared_, ", ")));
    note(text);
    NodePtr node = make(Op::name, at);
    if (node) node->text = text;
    return node;
  }

  NodePtr bracketed() {
    const size_t at = token_.at;
    advance();
    if (take_op(")")) return constant(Value(Value::List{}), at);
    NodePtr node = tuple();
    if (!node) return nullptr;
    if (!take_op(")")) return unexpected(")");
    return node;
  }

  NodePtr list() {
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

  NodePtr object() {
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

  NodePtr postfix(NodePtr node) {
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
          if (node && text == "get" && node->children[1]->op == Op::constant &&
              node->children[1]->constant.is_string())
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

  NodePtr subscript(NodePtr object, size_t at) {
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

  NodePtr filtered(NodePtr node) {
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

  NodePtr filter(NodePtr node, size_t at) {
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

  NodePtr test(NodePtr node, size_t at) {
    const bool negated = take_name("not");
    std::string text(token_.raw);
    if (token_.kind != Token::Kind::name && !is_op("==")) return unexpected("the name of a test");
    const size_t name_at = token_.at;
    advance();
    const Function* function = find_function(tests(), text);
    if (function == nullptr)
      return fail(name_at, fmt::format("unknown test '{}'", text),
                  fmt::format("allowed: {}", names_of(tests())));
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

  NodePtr arguments(NodePtr node, const Function& function) {
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
  NodePtr bind(NodePtr node, const Function& function, std::vector<NodePtr> positional,
               std::vector<std::pair<std::string, NodePtr>> named) {
    if (!node) return nullptr;
    const size_t at = node->column - 1;
    node->function = &function;
    std::vector<std::string_view> params;
    bool variadic = false;
    for (std::string_view rest = function.params; !rest.empty();) {
      const size_t comma = rest.find(',');
      const std::string_view param = rest.substr(0, comma);
      if (param == "...") variadic = true;
      else params.push_back(param);
      rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    }
    const auto usage = [&] { return fmt::format("usage: {}({})", function.name, function.params); };
    if (positional.size() > params.size() && !variadic)
      return fail(at, fmt::format("too many arguments for '{}'", function.name), usage());
    std::vector<NodePtr> bound(std::max(params.size(), positional.size()));
    for (size_t i = 0; i < positional.size(); ++i) bound[i] = std::move(positional[i]);
    for (auto& [key, value] : named) {
      const auto param = std::find(params.begin(), params.end(), key);
      if (param == params.end())
        return fail(at, fmt::format("'{}' has no argument '{}'", function.name, key), usage());
      NodePtr& place_of = bound[static_cast<size_t>(param - params.begin())];
      if (place_of) return fail(at, fmt::format("argument '{}' is given twice", key), usage());
      place_of = std::move(value);
    }
    for (size_t i = 0; i < bound.size(); ++i) {
      if (!bound[i]) {
        if (i < function.required)
          return fail(at, fmt::format("'{}' lacks an argument", function.name), usage());
        bound[i] = constant(Value(), at);
        if (!bound[i]) return nullptr;
      }
      node->children.push_back(std::move(bound[i]));
    }
    if (bound.size() < function.required)
      return fail(at, fmt::format("'{}' lacks an argument", function.name), usage());
    return node;
  }

  void note(std::string name) {
    if (std::find(used_.begin(), used_.end(), name) == used_.end()) used_.push_back(std::move(name));
  }
  void note_field(const Node& object, std::string_view field) {
    if (object.op == Op::name) note(fmt::format("{}.{}", object.text, field));
  }

  std::string_view source_;
  std::vector<std::string>& used_;
  const std::vector<std::string>& declared_;
  size_t at_ = 0;
  Token token_;
  int depth_ = 0;
  size_t nodes_ = 0;
  std::string error_;
  std::string hint_;
  size_t error_at_ = 0;
};

void strip_end(std::string& text) {
  while (!text.empty() && (text.back() == ' ' || (text.back() >= '\t' && text.back() <= '\r')))
    text.pop_back();
}

}  // namespace

std::string place(std::string_view text, size_t column) {
  constexpr size_t kShown = 120;
  const bool cut = text.size() > kShown;
  return fmt::format("template `{}{}`, column {}", text.substr(0, kShown), cut ? "..." : "", column);
}

Status parse_template(CompiledTemplate& out, const std::vector<std::string>& names) {
  std::string_view source = out.text;
  // Jinja drops one line end at the end of a template.
  if (source.ends_with('\n')) source.remove_suffix(1);
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out.segments.push_back({std::move(literal), nullptr});
    literal.clear();
  };
  size_t at = 0;
  bool strip_next = false;
  while (at < source.size()) {
    const size_t open = source.find('{', at);
    const size_t stop = open == source.npos ? source.size() : open;
    std::string_view text = source.substr(at, stop - at);
    if (strip_next) {
      const size_t first = text.find_first_not_of(" \t\r\n\v\f");
      if (first == text.npos) text = {};
      else {
        text.remove_prefix(first);
        strip_next = false;
      }
    }
    literal += text;
    at = stop;
    if (open == source.npos) break;
    const char next = open + 1 < source.size() ? source[open + 1] : '\0';
    if (next != '{' && next != '%' && next != '#') {
      literal += '{';
      ++at;
      strip_next = false;
      continue;
    }
    const bool strip_before = open + 2 < source.size() && source[open + 2] == '-';
    if (strip_before) strip_end(literal);
    if (next == '#') {
      const size_t end = source.find("#}", open + 2);
      if (end == source.npos)
        return Error{"unexpected the end of the template", place(out.text, open + 1), "allowed: #}"};
      strip_next = source[end - 1] == '-';
      at = end + 2;
      continue;
    }
    if (next == '%')
      return Error{"statements ({% if %}, {% set %}, {% for %}) are not supported",
                   place(out.text, open + 1), "allowed: {{ a if condition else b }}"};
    Parser parser(source, out.names, names);
    at = open + (strip_before ? 3 : 2);
    NodePtr node = parser.read(at, strip_next);
    if (!node)
      return Error{parser.error(), place(out.text, parser.error_at() + 1), parser.hint()};
    flush();
    out.segments.push_back({"", std::move(node)});
  }
  flush();
  return Status::success();
}

}  // namespace sujip::expressions
