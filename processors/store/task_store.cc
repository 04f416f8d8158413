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
  if (last_ != nullptr && last_->name == BlockKey{space, prefix}) {
    last_->used = ++uses_;
    return *last_;
  }
  std::unique_ptr<Held>& held = blocks_[BlockKey{space, prefix}];
  const bool is_new = held == nullptr;
  if (is_new) held = std::make_unique<Held>();
  Held& block = *held;
  last_ = &block;
  block.used = ++uses_;
  if (!is_new) return block;
  block.name = {space, prefix};
  if (store_ != nullptr) {
    if (!view_) view_.emplace(*store_);
    view_->scan(task_, space, prefix, [&](const KeyHash& start, std::string_view page) { block.load(start, page); });
  }
  recount(block);
  return block;
}

void TaskStore::recount(Held& block) {
  const size_t now = block.bytes() + kBlockOverhead;
  count(now, block.counted);
  block.counted = now;
  dirty_bytes_ += block.dirty_bytes() - block.dirty_counted;
  block.dirty_counted = block.dirty_bytes();
}

void TaskStore::changed(Block& block) {
  Held& held = static_cast<Held&>(block);
  if (held.dirty_counted == 0 && block.dirty()) dirty_.push_back(&held);
  recount(held);
}

void TaskStore::put(Block& block, const KeyHash& key, std::string_view value) {
  block.put(key, value);
  changed(block);
}

void TaskStore::erase(Block& block, const KeyHash& key) {
  block.erase(key);
  changed(block);
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
  last_ = nullptr;
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

void TaskStore::write(Store::Checkpoint& checkpoint, std::string_view meta) {
  std::sort(dirty_.begin(), dirty_.end(), [](const Held* a, const Held* b) { return a->name < b->name; });
  for (const Held* block : dirty_)
    for (const Page& page : block->pages()) {
      const bool kept = block->keeps(page);
      if (kept ? !page.dirty() : !page.stored()) continue;
      page_.clear();
      if (kept) page.encode(&page == &block->pages().front() && block->pages().size() > 1, page_);
      checkpoint.page(task_, block->name.first, block->name.second, page.start(),
                      kept ? std::optional<std::string_view>(page_) : std::nullopt);
    }
  checkpoint.meta(task_, meta);
}

void TaskStore::written() {
  view_.reset();  // a block may be read again from now on that has just gone into the store
  for (Held* block : dirty_) {
    block->written();
    recount(*block);
  }
  dirty_.clear();
}

}  // namespace sujip
