#pragma once
// RequestOption: where in a request a value goes.

#include "producers/engine/components.h"
#include "producers/engine/text.h"

namespace sujip::engine {

class RequestOption {
 public:
  static Result<RequestOption> build(const Node& node);
  Got<Done> inject(const Session& session, const Slice& slice, std::string value, RequestParts& parts) const;

 private:
  enum class Target : uint8_t { query, header, body_json, path };
  Target target_ = Target::query;
  std::optional<Text> name_;
};

}  // namespace sujip::engine
