#pragma once
// A YAML document as a tree that knows where each part stands: messages about a manifest name file,
// line and path.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/expressions/value.h"
#include "core/result.h"

namespace sujip::engine {

class Node {
 public:
  enum class Kind : uint8_t { null, scalar, list, map };
  using Field = std::pair<std::string, Node>;

  Kind kind = Kind::null;
  std::string text;     // scalar
  bool quoted = false;  // scalar: quoted text is never a number or boolean
  std::vector<Node> items;
  std::vector<Field> fields;  // in the order of the file
  int line = 0;               // from 1
  std::shared_ptr<const std::string> file;

  static Result<Node> load(const std::string& file);
  static Result<Node> parse(const std::string& yaml, const std::string& file_name);

  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_null() const { return kind == Kind::null; }
  // Null when there is no such field.
  const Node* find(std::string_view name) const;
  Node* find(std::string_view name);
  void set(std::string name, Node value);
  void erase(std::string_view name);
  // Text of a scalar field; `otherwise` when it is not there.
  std::string text_of(std::string_view name, std::string_view otherwise = {}) const;
  bool flag_of(std::string_view name, bool otherwise) const;

  // "file:line"
  std::string where() const;
  Error error(std::string what, std::string hint = {}) const;
  Value value() const;  // as templates see it
};

// Replaces "#/a/b" texts and {$ref: "#/a/b", …} maps by what they mean. Cycles and references to
// nothing are errors.
Result<Node> resolve_references(const Node& document);

}  // namespace sujip::engine
