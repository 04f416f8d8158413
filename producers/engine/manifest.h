#pragma once
// A connector's connector.yaml in the low-code format: references resolved, types filled in,
// parameters handed down, checked. What it can't run is said at load, stream by stream.

#include <string>
#include <string_view>
#include <vector>

#include "producers/engine/node.h"

namespace sujip::engine {

struct StreamDeclaration {
  std::string name;
  Node node;                   // ready to be built
  std::vector<Error> blocked;  // why it can't run; empty = it can
};

struct Manifest {
  std::string file;
  Node document;  // resolved
  std::vector<StreamDeclaration> streams;

  static Result<Manifest> load(const std::string& file);
  static Result<Manifest> parse(const std::string& yaml, const std::string& file_name);
  const StreamDeclaration* stream(std::string_view name) const;
  // metadata.sujip; null when the manifest has none.
  const Node* sujip() const;

 private:
  static Result<Manifest> from(Result<Node> document, const std::string& file_name);
};

// A folder with `kind: files` is no manifest.
bool is_manifest(const Node& document);

}  // namespace sujip::engine
