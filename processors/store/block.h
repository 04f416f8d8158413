#pragma once
// All rows of one prefix in memory: their bytes in one arena, found by key or walked in key order.
//
// A block of a few rows is searched as it lies; a larger one has an index.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topics/row.h"

namespace sujip {

class Block {
 public:
  struct Row {
    KeyHash key;
    uint64_t at = 0;  // in the arena
    uint32_t size = 0;
    bool dirty = false;
    bool deleted = false;  // kept until a checkpoint has written the delete
  };

  // A view of the row's bytes, valid until the next put(); nullopt: there is none.
  std::optional<std::string_view> find(const KeyHash& key) const;
  void put(const KeyHash& key, std::string_view value);
  void erase(const KeyHash& key);
  // As it is in the store: not dirty. Keys must come in order.
  void load(const KeyHash& key, std::string_view value);

  // All rows in key order, deleted ones among them.
  const std::vector<Row>& sorted();
  std::string_view value(const Row& row) const { return std::string_view(arena_).substr(row.at, row.size); }
  bool dirty() const { return dirty_; }
  // A checkpoint has them: nothing is dirty, deleted rows go.
  void written();
  size_t bytes() const;

 private:
  static constexpr size_t kIndexed = 24;  // rows from which on an index pays
  struct Hash {
    size_t operator()(const KeyHash& k) const { return k.low; }
  };

  size_t place_of(const KeyHash& key) const;  // rows_.size(): not there
  void add(const KeyHash& key, std::string_view value, bool is_dirty);
  void index_all();
  void pack();

  std::vector<Row> rows_;
  std::string arena_;
  size_t unused_ = 0;  // bytes of the arena that no row needs any more
  boost::unordered_flat_map<KeyHash, uint32_t, Hash> index_;
  bool sorted_ = true;
  bool dirty_ = false;
};

}  // namespace sujip
