#pragma once
// The state of one task: blocks of rows in memory over the process's RocksDB.
//
// A block is all rows of one prefix (a scope, a set of dimensions). It is read whole, page by page, the first time it
// is needed, and from then on every access is in memory. A checkpoint writes the pages that changed. Clean blocks
// leave when the memory limit is reached, the least recently used first.
// Owned by one lane thread. What is not checkpointed is lost with the object, which is right: it is
// read back from Kafka.

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "processors/store/block.h"
#include "processors/store/store.h"

namespace sujip {

// Memory for the rows of all tasks of a process together.
struct MemoryBudget {
  explicit MemoryBudget(size_t bytes) : limit(bytes) {}
  // What rows get of the memory for state: the rest goes to filters and indexes of files, and pages being written.
  static std::shared_ptr<MemoryBudget> within(int64_t mib) {
    const auto all = static_cast<size_t>(mib) << 20;
    return std::make_shared<MemoryBudget>(all - all * 3 / 16);
  }
  const size_t limit;
  std::atomic<size_t> used = 0;
};

class TaskStore {
 public:
  // `store` may be null: then nothing is read or kept beyond this object (tests).
  TaskStore(Store* store, std::string_view task_name, std::shared_ptr<MemoryBudget> budget);
  // With a budget of its own.
  TaskStore(Store* store, std::string_view task_name, size_t memory_bytes)
      : TaskStore(store, task_name, std::make_shared<MemoryBudget>(memory_bytes)) {}
  ~TaskStore() {
    bytes_ = 0;
    tell_budget();
  }
  TaskStore(const TaskStore&) = delete;

  // The block of a prefix; the reference stays valid until release_memory().
  Block& block(uint8_t space, uint64_t prefix);
  // Writes go through here, so that a checkpoint finds them.
  void put(Block& block, const KeyHash& key, std::string_view value);
  void erase(Block& block, const KeyHash& key);

  // Lets clean blocks go while the budget is exceeded, as many as this task's part of it, and the view of
  // the store. Call between records, once a commit.
  void release_memory();
  size_t bytes() const { return bytes_; }
  // Bytes of the pages that the next checkpoint has to write.
  size_t dirty_bytes() const { return dirty_bytes_; }
  bool over_budget() const { return budget_->used.load(std::memory_order_relaxed) > budget_->limit; }
  bool dirty() const { return !dirty_.empty(); }

  // Adds the dirty pages and `meta` to a checkpoint; after it was ingested call written().
  void write(Store::Checkpoint& checkpoint, std::string_view meta);
  void written();

  uint64_t task() const { return task_; }
  std::string meta() const { return store_ != nullptr ? store_->meta(task_) : std::string(); }
  Status wipe();

 private:
  using BlockKey = std::pair<uint8_t, uint64_t>;
  struct BlockKeyHash {
    size_t operator()(const BlockKey& k) const { return k.second ^ (uint64_t{k.first} << 56); }
  };
  struct Held : Block {
    BlockKey name;
    size_t counted = 0;        // bytes of it in bytes_
    size_t dirty_counted = 0;  // the same in dirty_bytes_
    uint64_t used = 0;         // when last asked for, in calls of block()
  };
  void changed(Block& block);
  void recount(Held& block);
  void count(size_t more, size_t less);
  void tell_budget();

  Store* store_;
  // Made when something is read, kept until the next commit.
  std::optional<Store::View> view_;
  uint64_t task_;
  std::shared_ptr<MemoryBudget> budget_;
  size_t bytes_ = 0;
  size_t told_bytes_ = 0;  // to the budget
  size_t dirty_bytes_ = 0;
  uint64_t uses_ = 0;
  Held* last_ = nullptr;  // what was asked for last: rows of a block come together
  std::string page_;      // being written; kept for its memory
  // By pointer, so that a block stays where it is. Looked up for every scope: one miss, not a chain.
  boost::unordered_flat_map<BlockKey, std::unique_ptr<Held>, BlockKeyHash> blocks_;
  std::vector<Held*> dirty_;
};

}  // namespace sujip
