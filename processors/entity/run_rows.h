#pragma once
// The rows of a run, collected until its end is known.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "topics/row.h"

namespace sujip {

class RunRows {
 public:
  struct Item {
    KeyHash key;
    uint64_t at;  // in the arena
    uint32_t size;
  };

  void add(const KeyHash& key, std::string_view row) {
    items_.push_back({key, arena_.size(), static_cast<uint32_t>(row.size())});
    arena_ += row;
  }
  // Sorts by key; of rows with one key the last added stays. Returns how many were dropped.
  int64_t sort_last_wins() {
    std::stable_sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
    size_t kept = 0;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (i + 1 < items_.size() && items_[i + 1].key == items_[i].key) continue;
      items_[kept++] = items_[i];
    }
    const auto dropped = static_cast<int64_t>(items_.size() - kept);
    items_.resize(kept);
    return dropped;
  }
  const std::vector<Item>& items() const { return items_; }
  size_t size() const { return items_.size(); }
  std::string_view row(const Item& item) const { return std::string_view(arena_).substr(item.at, item.size); }
  size_t bytes() const { return arena_.capacity() + items_.capacity() * sizeof(Item); }
  void clear() {
    items_ = {};
    arena_ = {};
  }

 private:
  std::vector<Item> items_;
  std::string arena_;
};

}  // namespace sujip
