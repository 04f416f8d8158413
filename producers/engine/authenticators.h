#pragma once
// NoAuth, Bearer, ApiKey and the native ones.

#include "producers/engine/components.h"
#include "producers/engine/node.h"

namespace sujip::engine {

// Null when `node` is null or NoAuth.
Result<std::unique_ptr<Authenticator>> build_authenticator(const Node* node);

}  // namespace sujip::engine
