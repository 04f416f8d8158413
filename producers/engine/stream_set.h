#pragma once
// The streams of a manifest, built for one worker. A stream that several others need exists once.

#include <map>
#include <memory>
#include <string>

#include "producers/engine/components.h"
#include "producers/engine/manifest.h"

namespace sujip::engine {

class StreamSet {
 public:
  // `manifest` must outlive the set.
  explicit StreamSet(const Manifest& manifest);
  Result<std::shared_ptr<Stream>> stream(const std::string& name);

 private:
  Result<std::shared_ptr<Stream>> make(const Node& node);
  Result<std::shared_ptr<Retriever>> make_retriever(const Node& node, const Stream& stream);

  const Manifest& manifest_;
  std::string budget_by_;
  std::map<std::string, std::shared_ptr<Stream>> made_;
};

}  // namespace sujip::engine
