#include "producers/engine/node.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace sujip::engine {
namespace {

constexpr int kDeepest = 64;

Result<Node> convert(const YAML::Node& yaml, const std::shared_ptr<const std::string>& file, int depth) {
  Node node;
  node.line = yaml.Mark().line + 1;
  node.file = file;
  if (depth > kDeepest) return node.error("nested too deeply");
  if (yaml.IsScalar()) {
    node.kind = Node::Kind::scalar;
    node.text = yaml.Scalar();
    node.quoted = yaml.Tag() == "!";
  } else if (yaml.IsSequence()) {
    node.kind = Node::Kind::list;
    for (const auto& item : yaml) {
      SUJIP_TRY(Node child, convert(item, file, depth + 1));
      node.items.push_back(std::move(child));
    }
  } else if (yaml.IsMap()) {
    node.kind = Node::Kind::map;
    for (const auto& item : yaml) {
      SUJIP_TRY(Node child, convert(item.second, file, depth + 1));
      const std::string name = item.first.Scalar();
      if (node.find(name) != nullptr) return child.error("the key '" + name + "' is there twice");
      if (child.line == 0) child.line = item.first.Mark().line + 1;
      node.fields.emplace_back(name, std::move(child));
    }
  }
  return node;
}

class Resolver {
 public:
  explicit Resolver(const Node& document) : document_(document) {}

  Result<Node> resolve(const Node& node) {
    if (node.is_scalar() && node.text.starts_with("#/")) return follow(node, node.text);
    Node out = node;
    if (node.is_list())
      for (Node& item : out.items) {
        SUJIP_TRY(item, resolve(item));
      }
    if (!node.is_map()) return out;
    const Node* ref = node.find("$ref");
    if (ref != nullptr) {
      SUJIP_TRY(out, follow(node, ref->text));
      if (node.fields.size() > 1 && !out.is_map())
        return node.error("$ref to something that is no map can't be overlaid");
    }
    for (const auto& [name, child] : node.fields) {
      if (name == "$ref") continue;
      SUJIP_TRY(Node value, resolve(child));
      out.set(name, std::move(value));
    }
    return out;
  }

 private:
  Result<Node> follow(const Node& from, const std::string& reference) {
    if (!reference.starts_with("#/")) return from.error("reference '" + reference + "' does not begin with '#/'");
    if (std::find(open_.begin(), open_.end(), reference) != open_.end())
      return from.error("reference '" + reference + "' leads back to itself");
    const Node* target = lookup(document_, std::string_view(reference).substr(2));
    if (target == nullptr)
      return from.error("reference '" + reference + "' leads nowhere",
                        "references are written from the top of the file: #/definitions/name");
    open_.push_back(reference);
    auto out = resolve(*target);
    open_.pop_back();
    return out;
  }

  // The whole rest may be one key; otherwise it is split at its first '/'.
  static const Node* lookup(const Node& node, std::string_view path) {
    if (path.empty()) return &node;
    if (node.is_map()) {
      if (const Node* whole = node.find(path)) return whole;
      for (size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1))
        if (const Node* child = node.find(path.substr(0, at)))
          if (const Node* found = lookup(*child, path.substr(at + 1))) return found;
      return nullptr;
    }
    if (!node.is_list()) return nullptr;
    const size_t slash = std::min(path.find('/'), path.size());
    size_t index = 0;
    const auto [end, ec] = std::from_chars(path.data(), path.data() + slash, index);
    if (ec != std::errc() || end != path.data() + slash || index >= node.items.size()) return nullptr;
    return lookup(node.items[index], slash == path.size() ? "" : path.substr(slash + 1));
  }

  const Node& document_;
  std::vector<std::string> open_;
};

}  // namespace

Result<Node> Node::parse(const std::string& yaml, const std::string& file_name) {
  const auto file = std::make_shared<const std::string>(file_name);
  try {
    return convert(YAML::Load(yaml), file, 0);
  } catch (const YAML::Exception& problem) {
    return Error{"not readable as YAML: " + problem.msg, file_name + ":" + std::to_string(problem.mark.line + 1),
                 "check the indentation"};
  }
}

Result<Node> Node::load(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Error{"opening it failed", file, "is the folder of the connector complete?"};
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), file);
}

const Node* Node::find(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return &value;
  return nullptr;
}

Node* Node::find(std::string_view name) { return const_cast<Node*>(std::as_const(*this).find(name)); }

void Node::set(std::string name, Node value) {
  if (Node* old = find(name))
    *old = std::move(value);
  else
    fields.emplace_back(std::move(name), std::move(value));
}

void Node::erase(std::string_view name) {
  std::erase_if(fields, [&](const Field& field) { return field.first == name; });
}

std::string Node::text_of(std::string_view name, std::string_view otherwise) const {
  const Node* node = find(name);
  return node != nullptr && node->is_scalar() ? node->text : std::string(otherwise);
}

bool Node::flag_of(std::string_view name, bool otherwise) const {
  const Node* node = find(name);
  return node != nullptr && node->is_scalar() ? node->text == "true" : otherwise;
}

std::string Node::where() const { return (file ? *file : std::string("?")) + ":" + std::to_string(line); }

Error Node::error(std::string what, std::string hint) const { return {std::move(what), where(), std::move(hint)}; }

Value Node::value() const {
  switch (kind) {
    case Kind::null:
      return Value::null();
    case Kind::scalar:
      if (!quoted) {
        if (text == "true") return Value(true);
        if (text == "false") return Value(false);
        if (text == "null" || text == "~" || text.empty()) return Value::null();
        if (const auto number = Decimal::parse(text)) return Value(*number);
      }
      return Value(text);
    case Kind::list: {
      Value::List list;
      for (const Node& item : items) list.push_back(item.value());
      return Value(std::move(list));
    }
    case Kind::map: {
      Object object;
      for (const auto& [name, child] : fields) object.set(name, child.value());
      return Value(std::move(object));
    }
  }
  return {};
}

Result<Node> resolve_references(const Node& document) { return Resolver(document).resolve(document); }

}  // namespace sujip::engine
