#include "producers/engine/manifest.h"

#include <algorithm>

#include "producers/engine/component_list.h"

namespace sujip::engine {
namespace {

constexpr std::string_view kTopKeys[] = {"version",     "type",          "check",    "streams",
                                         "definitions", "schemas",       "spec",     "concurrency_level",
                                         "api_budget",  "stream_groups", "metadata", "description"};

bool is_schema(const Node& node) {
  const Node* type = node.find("type");
  if (type == nullptr) return false;
  if (type->is_scalar()) return type->text == "object";
  return type->is_list();
}

bool is_empty(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return true;
    case Node::Kind::scalar:
      return node.text.empty() && !node.is_map();
    case Node::Kind::list:
      return node.items.empty();
    case Node::Kind::map:
      return node.fields.empty();
  }
  return true;
}

// Fills in missing types below a typed component.
void fill_types(Node& node) {
  if (node.is_map() && is_schema(node)) return;
  const std::string type = node.text_of("type");
  for (auto& [name, child] : node.fields) {
    if (name == "$parameters" || name == "definitions" || name == "metadata") continue;
    const auto give = [&, &field = name](Node& part) {
      if (!part.is_map() || part.find("type") != nullptr) return;
      const std::string_view wanted = default_type(type, field, part.find("class_name") != nullptr);
      if (wanted.empty()) return;
      Node text;
      text.kind = Node::Kind::scalar;
      text.text = std::string(wanted);
      text.line = part.line;
      text.file = part.file;
      part.fields.insert(part.fields.begin(), {"type", std::move(text)});
    };
    give(child);
    for (Node& item : child.items) give(item);
    fill_types(child);
  }
  for (Node& item : node.items) fill_types(item);
}

// Hands $parameters down: children override, a parameter fills fields that are empty, and is not passed
// into the field of its own name.
void hand_down(Node& node, const Node& inherited) {
  if (node.is_list()) {
    for (Node& item : node.items) hand_down(item, inherited);
    return;
  }
  if (!node.is_map() || is_schema(node)) return;
  Node mine = inherited;
  if (const Node* own = node.find("$parameters"))
    for (const auto& [name, value] : own->fields) mine.set(name, value);
  const bool typed = node.find("type") != nullptr;
  if (typed) {
    for (const auto& [name, value] : mine.fields) {
      const Node* there = node.find(name);
      if (there == nullptr || is_empty(*there)) node.set(name, value);
    }
  }
  for (auto& [name, child] : node.fields) {
    if (name == "$parameters") continue;
    if (mine.find(name) == nullptr) {
      hand_down(child, mine);
    } else {
      Node rest = mine;
      rest.erase(name);
      hand_down(child, rest);
    }
  }
  if (typed && !mine.fields.empty()) node.set("$parameters", mine);
}

}  // namespace

bool is_manifest(const Node& document) {
  return document.text_of("type") == "DeclarativeSource" || document.find("streams") != nullptr;
}

Result<Manifest> Manifest::load(const std::string& file) { return from(Node::load(file), file); }

Result<Manifest> Manifest::parse(const std::string& yaml, const std::string& file_name) {
  return from(Node::parse(yaml, file_name), file_name);
}

Result<Manifest> Manifest::from(Result<Node> document, const std::string& file_name) {
  SUJIP_TRY(Node read, std::move(document));
  if (!read.is_map()) return read.error("a manifest is a map", "see the samples of the connectors");
  Manifest manifest;
  manifest.file = file_name;
  for (const auto& [name, child] : read.fields)
    if (std::find(std::begin(kTopKeys), std::end(kTopKeys), name) == std::end(kTopKeys))
      return child.error("unknown key '" + name + "' at the top",
                         "allowed: version type check streams definitions schemas spec "
                         "concurrency_level api_budget metadata description");
  SUJIP_TRY(manifest.document, resolve_references(read));
  Node& top = manifest.document;
  if (top.find("type") == nullptr) {
    Node type;
    type.kind = Node::Kind::scalar;
    type.text = "DeclarativeSource";
    top.set("type", type);
  }
  top.erase("definitions");
  fill_types(top);
  Node nothing;
  nothing.kind = Node::Kind::map;
  const Node* streams = top.find("streams");
  if (streams == nullptr || !streams->is_list() || streams->items.empty())
    return top.error("no streams", "list at least one under 'streams'");
  for (const Node& declared : streams->items) {
    StreamDeclaration stream;
    stream.node = declared;
    hand_down(stream.node, nothing);
    stream.name = stream.node.text_of("name");
    if (stream.name.empty()) return declared.error("a stream without a name");
    if (manifest.stream(stream.name) != nullptr) return declared.error("two streams are called '" + stream.name + "'");
    stream.blocked = unsupported(stream.node, "streams." + stream.name);
    manifest.streams.push_back(std::move(stream));
  }
  for (const char* part : {"api_budget", "concurrency_level"}) {
    Node* node = top.find(part);
    if (node == nullptr) continue;
    const auto problems = unsupported(*node, part);
    if (!problems.empty()) return problems.front();
  }
  return manifest;
}

const StreamDeclaration* Manifest::stream(std::string_view name) const {
  for (const StreamDeclaration& stream : streams)
    if (stream.name == name) return &stream;
  return nullptr;
}

const Node* Manifest::sujip() const {
  const Node* metadata = document.find("metadata");
  return metadata != nullptr ? metadata->find("sujip") : nullptr;
}

}  // namespace sujip::engine
