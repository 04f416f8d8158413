#include "processors/store/task_store.h"

#include <algorithm>

namespace sujip {
namespace {

constexpr size_t kBlockOverhead = 256;  // of a block in the table of blocks
constexpr int64_t kUntoldBytes = 16 << 10;

}  // namespace

TaskStore::TaskStore(Store* store, std::string_view task_name, std::shared_ptr<MemoryBudget> budget)
    : store_(store), task_(Store::task_id(task_name)), budget_(std::move(budget)) {}

// The budget is shared by all threads: it hears of some rows at a time.
void TaskStore::count(size_t more, size_t less) {
  bytes_ += more - less;
  const auto untold = static_cast<int64_t>(bytes_ - told_bytes_);
  if (untold < kUntoldBytes && untold > -kUntoldBytes) return;
  tell_budget();
}

void TaskStore::tell_budget() {
  budget_->used.fetch_add(bytes_ - told_bytes_, std::memory_order_relaxed);
  told_bytes_ = bytes_;
}

Block& TaskStore::block(uint8_t space, uint64_t prefix) {
  std::unique_ptr<Held>& held = blocks_[BlockKey{space, prefix}];
  const bool is_new = held == nullptr;
  if (is_new) held = std::make_unique<Held>();
  Held& block = *held;
  block.used = ++uses_;
  if (!is_new) return block;
  block.name = {space, prefix};
  if (store_ != nullptr && !blind_) {
    if (!view_) view_.emplace(*store_);
    view_->scan(task_, space, prefix, [&](const KeyHash& k, std::string_view value) { block.load(k, value); });
  }
  block.counted = block.bytes() + kBlockOverhead;
  count(block.counted, 0);
  return block;
}

void TaskStore::changed(Block& block, bool was_dirty) {
  Held& held = static_cast<Held&>(block);
  if (!was_dirty && block.dirty()) dirty_.push_back(&held);
  const size_t now = block.bytes() + kBlockOverhead;
  if (block.dirty()) dirty_bytes_ += was_dirty ? now - held.counted : now;
  count(now, held.counted);
  held.counted = now;
}

void TaskStore::put(Block& block, const KeyHash& key, std::string_view value) {
  const bool was_dirty = block.dirty();
  block.put(key, value);
  changed(block, was_dirty);
}

void TaskStore::erase(Block& block, const KeyHash& key) {
  const bool was_dirty = block.dirty();
  if (blind_) block.put(key, {});  // the store may have it
  block.erase(key);
  changed(block, was_dirty);
}

// A tenth more than needed goes at once, so that sorting by age is rare.
void TaskStore::release_memory() {
  view_.reset();
  tell_budget();
  const size_t used = budget_->used.load(std::memory_order_relaxed);
  if (store_ == nullptr || used <= budget_->limit) return;
  const size_t excess = used - budget_->limit + budget_->limit / 10;
  const double part = static_cast<double>(bytes_) / static_cast<double>(used);
  const auto wanted = static_cast<size_t>(static_cast<double>(excess) * part) + 1;
  std::vector<Held*> clean;
  for (auto& [name, block] : blocks_)
    if (!block->dirty()) clean.push_back(block.get());
  std::sort(clean.begin(), clean.end(), [](const Held* a, const Held* b) { return a->used < b->used; });
  size_t released = 0;
  for (const Held* block : clean) {
    if (released >= wanted) break;
    released += block->counted;
    count(0, block->counted);
    blocks_.erase(BlockKey(block->name));
  }
}

Status TaskStore::wipe() {
  view_.reset();
  return store_ != nullptr ? store_->wipe(task_) : Status();
}

void TaskStore::set_blind(bool blind) {
  if (blind_ != blind) forget_all();
  blind_ = blind;
}

void TaskStore::forget_all() {
  count(0, bytes_);
  blocks_.clear();
  dirty_.clear();
  dirty_bytes_ = 0;
}

void TaskStore::write(Store::Checkpoint& checkpoint, std::string_view meta) {
  std::sort(dirty_.begin(), dirty_.end(), [](const Held* a, const Held* b) { return a->name < b->name; });
  for (Held* block : dirty_)
    for (const Block::Row& row : block->sorted())
      if (row.dirty)
        checkpoint.row(task_, block->name.first, block->name.second, row.key,
                       row.deleted ? std::nullopt : std::optional(block->value(row)));
  checkpoint.meta(task_, meta);
}

void TaskStore::written() {
  view_.reset();  // a block may be read again from now on that has just gone into the store
  if (blind_) return forget_all();
  for (Held* block : dirty_) {
    block->written();
    changed(*block, true);
  }
  dirty_.clear();
  dirty_bytes_ = 0;
}

}  // namespace sujip
