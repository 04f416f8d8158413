#pragma once
// The state of one task: blocks of rows in memory over the process's RocksDB.
//
// A block is all rows of one prefix (a scope, a set of dimensions). It is read whole, in key order, the
// first time it is needed (one seek, then ~0.5 us a row), and from then on every access is in memory.
// Clean blocks leave when the memory limit is reached, the least recently used first.
// Owned by one lane thread. What is not checkpointed is lost with the object, which is right: it is
// read back from Kafka.

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "processors/store/store.h"

namespace sujip {

class TaskStore {
 public:
  struct Entry {
    std::string value;
    bool dirty = false;
    bool deleted = false;  // kept until the next checkpoint has written the delete
  };

  struct Block {
    std::map<KeyHash, Entry> rows;
    size_t bytes = 0;
    bool dirty = false;
    std::list<std::pair<uint8_t, uint64_t>>::iterator place;  // in the order of use
  };

  // `store` may be null: then nothing is read or kept beyond this object (tests).
  TaskStore(Store* store, std::string_view task_name, size_t memory_bytes);

  // The block of a prefix; the reference stays valid until release_memory() or checkpoint().
  Block& block(uint8_t space, uint64_t prefix);
  // nullptr when there is none.
  const std::string* find(Block& block, const KeyHash& key) const;
  void put(Block& block, const KeyHash& key, std::string value);
  void erase(Block& block, const KeyHash& key);

  // Lets clean blocks go until the memory limit holds again. Call between records.
  void release_memory();
  size_t bytes() const { return bytes_; }
  bool dirty() const { return dirty_; }

  // The dirty rows as writes for Store::ingest; after it succeeded call written().
  void collect(std::vector<Store::Write>& writes);
  void written();

  uint64_t task() const { return task_; }
  std::string meta() const { return store_ != nullptr ? store_->meta(task_) : std::string(); }
  Status wipe() { return store_ != nullptr ? store_->wipe(task_) : Status(); }

 private:
  using BlockKey = std::pair<uint8_t, uint64_t>;
  struct BlockKeyHash {
    size_t operator()(const BlockKey& k) const { return k.second ^ (uint64_t{k.first} << 56); }
  };
  static size_t cost(const Entry& entry) { return entry.value.size() + 112; }

  Store* store_;
  uint64_t task_;
  size_t limit_;
  size_t bytes_ = 0;
  bool dirty_ = false;
  std::unordered_map<BlockKey, Block, BlockKeyHash> blocks_;
  std::list<BlockKey> order_;  // least recently used first
};

}  // namespace sujip
