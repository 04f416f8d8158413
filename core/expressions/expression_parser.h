#pragma once
// One expression of a template -> its tree. Internal to core/expressions.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/expressions/ast.h"
#include "core/expressions/scanner.h"

namespace sujip::expressions {

class ExpressionParser {
 public:
  // `used` receives the names and fields that are read; `declared` are those allowed, empty: all.
  ExpressionParser(std::string_view source, std::vector<std::string>& used, const std::vector<std::string>& declared)
      : source_(source), used_(used), declared_(declared) {}

  // Reads the expression behind `{{` at `at`; afterwards `at` is behind its end mark. Null: an error,
  // said by the accessors below.
  NodePtr read(size_t& at, bool& strip_after);

  size_t error_at() const { return error_at_; }
  const std::string& error() const { return error_; }
  const std::string& hint() const { return hint_; }

 private:
  // --- tokens
  void advance() { token_ = next_token(source_, at_); }
  bool is_op(std::string_view op) const {
    return token_.kind == Token::Kind::op && token_.raw == op && !ends_with_strip();
  }
  bool is_name(std::string_view name) const { return token_.kind == Token::Kind::name && token_.raw == name; }
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

  // --- nodes
  NodePtr fail(size_t at, std::string what, std::string hint = "");
  NodePtr unexpected(std::string_view allowed);
  NodePtr make(Op op, size_t at);
  NodePtr make(Op op, size_t at, NodePtr a);
  NodePtr make(Op op, size_t at, NodePtr a, NodePtr b);
  NodePtr constant(Value value, size_t at);
  void note(std::string name);
  void note_field(const Node& object, std::string_view field);

  // --- grammar.cc: operators and literals, loosest first
  NodePtr tuple();
  NodePtr expression();
  NodePtr either();
  NodePtr both();
  NodePtr inverted();
  NodePtr comparison();
  bool comparison_operator(Comparison& op);
  NodePtr sum();
  NodePtr joined();
  NodePtr product();
  NodePtr powered();
  NodePtr unary(bool with_filters);
  NodePtr primary();
  NodePtr bracketed();
  NodePtr list();
  NodePtr object();
  NodePtr subscript(NodePtr object, size_t at);

  // --- calls.cc: names, and what can be called with arguments
  NodePtr name();
  NodePtr postfix(NodePtr node);
  NodePtr filtered(NodePtr node);
  NodePtr filter(NodePtr node, size_t at);
  NodePtr test(NodePtr node, size_t at);
  NodePtr arguments(NodePtr node, const Function& function);
  NodePtr bind(NodePtr node, const Function& function, std::vector<NodePtr> positional,
               std::vector<std::pair<std::string, NodePtr>> named);

  static constexpr int kMaxDepth = 60;
  static constexpr size_t kMaxNodes = 2000;  // the tree is walked by recursion

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

}  // namespace sujip::expressions
