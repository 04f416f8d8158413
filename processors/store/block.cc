#include "processors/store/block.h"

#include <algorithm>

namespace sujip {

size_t Block::place_of(const KeyHash& key) const {
  if (rows_.size() >= kIndexed) {
    const auto found = index_.find(key);
    return found == index_.end() ? rows_.size() : found->second;
  }
  for (size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].key == key) return i;
  return rows_.size();
}

std::optional<std::string_view> Block::find(const KeyHash& key) const {
  const size_t i = place_of(key);
  if (i == rows_.size() || rows_[i].deleted) return std::nullopt;
  return value(rows_[i]);
}

void Block::index_all() {
  index_ = {};
  if (rows_.size() < kIndexed) return;
  index_.reserve(rows_.size());
  for (size_t i = 0; i < rows_.size(); ++i) index_.emplace(rows_[i].key, static_cast<uint32_t>(i));
}

void Block::add(const KeyHash& key, std::string_view value, bool is_dirty) {
  sorted_ = sorted_ && (rows_.empty() || rows_.back().key < key);
  rows_.push_back({key, arena_.size(), static_cast<uint32_t>(value.size()), is_dirty, false});
  arena_ += value;
  if (rows_.size() == kIndexed)
    index_all();
  else if (rows_.size() > kIndexed)
    index_.emplace(key, static_cast<uint32_t>(rows_.size() - 1));
}

void Block::load(const KeyHash& key, std::string_view value) { add(key, value, false); }

void Block::put(const KeyHash& key, std::string_view value) {
  dirty_ = true;
  const size_t i = place_of(key);
  if (i == rows_.size()) {
    add(key, value, true);
    return;
  }
  Row& row = rows_[i];
  row.dirty = true;
  row.deleted = false;
  if (value.size() <= row.size) {
    unused_ += row.size - value.size();
    std::copy(value.begin(), value.end(), arena_.begin() + static_cast<std::ptrdiff_t>(row.at));
  } else {
    unused_ += row.size;
    row.at = arena_.size();
    arena_ += value;
  }
  row.size = static_cast<uint32_t>(value.size());
  if (unused_ > 4096 && unused_ > arena_.size() / 2) pack();
}

void Block::erase(const KeyHash& key) {
  const size_t i = place_of(key);
  if (i == rows_.size()) return;
  Row& row = rows_[i];
  unused_ += row.size;
  row.size = 0;
  row.dirty = row.deleted = true;
  dirty_ = true;
}

const std::vector<Block::Row>& Block::sorted() {
  if (!sorted_) {
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
    index_all();
    sorted_ = true;
  }
  return rows_;
}

void Block::written() {
  dirty_ = false;
  bool any_deleted = false;
  for (Row& row : rows_) {
    row.dirty = false;
    any_deleted = any_deleted || row.deleted;
  }
  if (!any_deleted) return;
  std::erase_if(rows_, [](const Row& row) { return row.deleted; });
  if (rows_.empty()) {
    rows_.shrink_to_fit();
    std::string().swap(arena_);
    unused_ = 0;
    sorted_ = true;
  }
  index_all();
}

// Rows move together; the order of the rows stays.
void Block::pack() {
  std::string packed;
  packed.reserve(arena_.size() - unused_);
  for (Row& row : rows_) {
    const std::string_view bytes = value(row);
    row.at = packed.size();
    packed += bytes;
  }
  arena_ = std::move(packed);
  unused_ = 0;
}

size_t Block::bytes() const {
  return arena_.capacity() + rows_.capacity() * sizeof(Row) + index_.bucket_count() * 24;
}

}  // namespace sujip
