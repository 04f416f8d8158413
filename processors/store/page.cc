#include "processors/store/page.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace sujip {
namespace {

// A page is written as a whole: larger ones cost more for a single changed row, smaller ones more for many.
constexpr size_t kMostRows = 64;
constexpr size_t kMostBytes = 16 << 10;
constexpr uint32_t kUnusedBytes = 1024;  // worth moving the rows for
constexpr size_t kKeyBytes = sizeof(KeyHash);

}  // namespace

Page::Page(const KeyHash& start, std::string_view stored) : start_(start), stored_(true) {
  uint64_t count = 0;
  bool whole = read_varint(stored, count) && (count >>= 1) <= stored.size() / kKeyBytes;
  if (whole) {
    rows_.resize(count);
    std::string_view keys = stored.substr(0, count * kKeyBytes);
    stored.remove_prefix(keys.size());
    uint32_t at = 0;
    for (Row& row : rows_) {
      std::memcpy(&row.key, keys.data(), kKeyBytes);
      keys.remove_prefix(kKeyBytes);
      uint64_t size = 0;
      whole = whole && read_varint(stored, size) && size <= UINT32_MAX - at;
      row.at = at;
      row.size = static_cast<uint32_t>(size);
      at += row.size;
    }
    whole = whole && at == stored.size();
  }
  if (!whole) throw std::runtime_error("a damaged page in the local state");
  arena_ = stored;
}

void Page::encode(bool more, std::string& out) const {
  size_t size = 0;
  append_varint(out, rows_.size() << 1 | (more ? 1 : 0));
  for (const Row& row : rows_) {
    char key[kKeyBytes];
    std::memcpy(key, &row.key, kKeyBytes);
    out.append(key, kKeyBytes);
    size += row.size;
  }
  for (const Row& row : rows_) append_varint(out, row.size);
  out.reserve(out.size() + size);
  for (const Row& row : rows_) out += value(row);
}

std::vector<Page::Row>::iterator Page::place_of(const KeyHash& key) {
  return std::lower_bound(rows_.begin(), rows_.end(), key,
                          [](const Row& row, const KeyHash& k) { return row.key < k; });
}

std::optional<std::string_view> Page::find(const KeyHash& key) const {
  const auto row = const_cast<Page*>(this)->place_of(key);
  if (row == rows_.end() || row->key != key) return std::nullopt;
  return value(*row);
}

void Page::put(const KeyHash& key, std::string_view value) {
  dirty_ = true;
  auto row = place_of(key);
  if (row == rows_.end() || row->key != key) row = rows_.insert(row, {key, 0, 0});
  if (value.size() <= row->size) {
    unused_ += row->size - static_cast<uint32_t>(value.size());
    std::copy(value.begin(), value.end(), arena_.begin() + row->at);
    row->size = static_cast<uint32_t>(value.size());
    return;
  }
  unused_ += row->size;
  row->size = 0;
  if (unused_ > kUnusedBytes && unused_ > arena_.size() / 4) pack(value.size());
  row->at = static_cast<uint32_t>(arena_.size());
  row->size = static_cast<uint32_t>(value.size());
  arena_ += value;
}

bool Page::erase(const KeyHash& key) {
  const auto row = place_of(key);
  if (row == rows_.end() || row->key != key) return false;
  dirty_ = true;
  unused_ += row->size;
  rows_.erase(row);
  return true;
}

void Page::prefetch() const {
  constexpr size_t kLine = 64;
  const auto whole = [](const void* start, size_t size) {
    for (size_t i = 0; i < size; i += kLine) __builtin_prefetch(static_cast<const char*>(start) + i);
  };
  whole(rows_.data(), rows_.size() * sizeof(Row));
  whole(arena_.data(), arena_.size());
}

bool Page::is_large() const {
  return rows_.size() > kMostRows || (arena_.size() - unused_ > kMostBytes && rows_.size() > 1);
}

Page Page::split() {
  const auto middle = rows_.begin() + static_cast<std::ptrdiff_t>(rows_.size() / 2);
  Page upper(middle->key);
  upper.rows_.assign(middle, rows_.end());
  upper.arena_ = arena_;
  upper.dirty_ = dirty_ = true;
  rows_.erase(middle, rows_.end());
  pack(0);
  upper.pack(0);
  return upper;
}

// What was just written mostly stays as it is for a while: room to grow is given back.
void Page::written() {
  dirty_ = false;
  stored_ = true;
  if (arena_.capacity() <= arena_.size() - unused_ + kUnusedBytes) return;
  pack(0);
  rows_.shrink_to_fit();
}

// Moves the rows together, in key order.
void Page::pack(size_t room) {
  size_t size = room;
  for (const Row& row : rows_) size += row.size;
  std::string packed;
  packed.reserve(size);
  for (Row& row : rows_) {
    const std::string_view bytes = value(row);
    row.at = static_cast<uint32_t>(packed.size());
    packed += bytes;
  }
  arena_ = std::move(packed);
  unused_ = 0;
}

}  // namespace sujip
