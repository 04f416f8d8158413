#include "processors/store/task_store.h"

namespace sujip {

TaskStore::TaskStore(Store* store, std::string_view task_name, size_t memory_bytes)
    : store_(store), task_(Store::task_id(task_name)), limit_(memory_bytes) {}

TaskStore::Block& TaskStore::block(uint8_t space, uint64_t prefix) {
  const BlockKey key{space, prefix};
  const auto [at, is_new] = blocks_.try_emplace(key);
  Block& block = at->second;
  if (!is_new) {
    order_.splice(order_.end(), order_, block.place);
    return block;
  }
  block.place = order_.insert(order_.end(), key);
  if (store_ != nullptr) {
    store_->scan(task_, space, prefix, [&](const KeyHash& k, std::string_view value) {
      const auto row = block.rows.emplace_hint(block.rows.end(), k, Entry{std::string(value)});
      block.bytes += cost(row->second);
    });
  }
  block.bytes += sizeof(Block) + 64;
  bytes_ += block.bytes;
  return block;
}

const std::string* TaskStore::find(Block& block, const KeyHash& key) const {
  const auto at = block.rows.find(key);
  if (at == block.rows.end() || at->second.deleted) return nullptr;
  return &at->second.value;
}

void TaskStore::put(Block& block, const KeyHash& key, std::string value) {
  const auto [at, is_new] = block.rows.try_emplace(key);
  Entry& entry = at->second;
  const size_t before = is_new ? 0 : cost(entry);
  entry.value = std::move(value);
  entry.dirty = true;
  entry.deleted = false;
  block.bytes += cost(entry) - before;
  bytes_ += cost(entry) - before;
  block.dirty = true;
  dirty_ = true;
}

void TaskStore::erase(Block& block, const KeyHash& key) {
  const auto at = block.rows.find(key);
  if (at == block.rows.end()) return;
  Entry& entry = at->second;
  const size_t before = cost(entry);
  entry.value.clear();
  entry.dirty = true;
  entry.deleted = true;
  block.bytes -= before - cost(entry);
  bytes_ -= before - cost(entry);
  block.dirty = true;
  dirty_ = true;
}

void TaskStore::release_memory() {
  if (store_ == nullptr) return;
  for (auto at = order_.begin(); at != order_.end() && bytes_ > limit_;) {
    const auto found = blocks_.find(*at);
    if (found->second.dirty) {
      ++at;
      continue;
    }
    bytes_ -= found->second.bytes;
    blocks_.erase(found);
    at = order_.erase(at);
  }
}

void TaskStore::collect(std::vector<Store::Write>& writes) {
  for (auto& [key, block] : blocks_) {
    if (!block.dirty) continue;
    for (auto& [row, entry] : block.rows)
      if (entry.dirty)
        writes.push_back({Store::row_key(task_, key.first, key.second, row),
                          entry.deleted ? nullptr : &entry.value});
  }
}

void TaskStore::written() {
  for (auto& [key, block] : blocks_) {
    if (!block.dirty) continue;
    block.dirty = false;
    for (auto at = block.rows.begin(); at != block.rows.end();) {
      at->second.dirty = false;
      if (!at->second.deleted) {
        ++at;
        continue;
      }
      block.bytes -= cost(at->second);
      bytes_ -= cost(at->second);
      at = block.rows.erase(at);
    }
  }
  dirty_ = false;
}

}  // namespace sujip
