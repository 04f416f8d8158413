#pragma once
// DatetimeBasedCursor in slices of one day: a report day is the unit that is collected and replaced.

#include "producers/engine/components.h"
#include "producers/engine/node.h"

namespace sujip::engine {

Result<std::unique_ptr<Cursor>> build_cursor(const Node* node);  // null: no cursor

}  // namespace sujip::engine
