#pragma once
// Keys of the rollup task's internal state topics: which block of the store, and which place in it.
// 8 bytes of the block's prefix, 16 of the place. Not for other readers.

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "processors/store/task_store.h"

namespace sujip {

void set_placed_key(std::string& out, uint64_t prefix, const KeyHash& place);

// Takes a record of such a topic into a space of the store; an error when the key is no such key.
Status restore_placed(TaskStore& store, uint8_t space, std::string_view key, std::optional<std::string_view> value);

}  // namespace sujip
