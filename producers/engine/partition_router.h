#pragma once
// SubstreamPartitionRouter and ListPartitionRouter.

#include <functional>

#include "producers/engine/components.h"
#include "producers/engine/node.h"

namespace sujip::engine {

// Makes the stream of a node, or gives the one of that name that was made already.
using StreamMaker = std::function<Result<std::shared_ptr<Stream>>(const Node&)>;

Result<std::unique_ptr<PartitionRouter>> build_router(const Node* node, const StreamMaker& streams);

}  // namespace sujip::engine
