#include "processors/rollup/placed_key.h"

#include <cstring>

namespace sujip {

void set_placed_key(std::string& out, uint64_t prefix, const KeyHash& place) {
  out.assign(reinterpret_cast<const char*>(&prefix), 8);
  out.append(reinterpret_cast<const char*>(&place.high), 8);
  out.append(reinterpret_cast<const char*>(&place.low), 8);
}

Status restore_placed(TaskStore& store, uint8_t space, std::string_view key, std::optional<std::string_view> value) {
  if (key.size() != 24) return Error{"key is not 24 bytes", "state of the rollup task", ""};
  uint64_t prefix = 0;
  KeyHash place;
  std::memcpy(&prefix, key.data(), 8);
  std::memcpy(&place.high, key.data() + 8, 8);
  std::memcpy(&place.low, key.data() + 16, 8);
  Block& block = store.block(space, prefix);
  if (value)
    store.put(block, place, *value);
  else
    store.erase(block, place);
  return {};
}

}  // namespace sujip
