#pragma once
// DefaultErrorHandler, CompositeErrorHandler and their filters and back-off strategies.

#include "producers/engine/components.h"
#include "producers/engine/text.h"

namespace sujip::engine {

Result<std::unique_ptr<ErrorHandler>> build_error_handler(const Node* node);  // null: the default

// A wait spread around `ms` so that workers don't come back all at once: 75 % to 125 %.
int64_t with_jitter(int64_t ms, uint64_t random);

}  // namespace sujip::engine
