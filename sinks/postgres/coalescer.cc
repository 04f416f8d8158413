#include "sinks/postgres/coalescer.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace sujip::sink {
namespace {

// What most comparisons need of a key: the bytes behind what all keys begin with, as a number.
struct Rank {
  uint64_t bytes = 0;
  uint32_t entry = 0;
};

size_t common_length(std::string_view a, std::string_view b, size_t most) {
  most = std::min({a.size(), b.size(), most});
  return static_cast<size_t>(std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most),
                                           b.begin())
                                 .first -
                             a.begin());
}

uint64_t eight_bytes(std::string_view key, size_t from) {
  unsigned char bytes[8] = {};
  if (from < key.size()) std::memcpy(bytes, key.data() + from, std::min<size_t>(8, key.size() - from));
  uint64_t number = 0;
  for (const unsigned char byte : bytes) number = number << 8 | byte;
  return number;
}

}  // namespace

Coalescer::Added Coalescer::add(std::string_view key, uint32_t message) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const uint64_t hash = XXH3_64bits(key.data(), key.size());
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    if (slots_[at] == 0) {
      slots_[at] = static_cast<uint32_t>(entries_.size() + 1);
      entries_.push_back({key, message, false, hash});
      return {&entries_.back(), kNone};
    }
    Entry& entry = entries_[slots_[at] - 1];
    if (entry.hash != hash || entry.key != key) continue;
    const uint32_t superseded = entry.message;
    entry.message = message;
    entry.key = key;
    return {&entry, superseded};
  }
}

void Coalescer::grow() {
  const size_t size = slots_.empty() ? 64 : slots_.size() * 2;
  slots_.assign(size, 0);
  const size_t mask = size - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t at = entries_[i].hash & mask;
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = static_cast<uint32_t>(i + 1);
  }
}

const std::vector<Coalescer::Entry>& Coalescer::sorted() {
  sorted_.clear();
  if (entries_.empty()) return sorted_;
  const std::string_view first = entries_.front().key;
  size_t common = first.size();
  for (const Entry& entry : entries_) common = common_length(first, entry.key, common);
  std::vector<Rank> ranks(entries_.size());
  for (uint32_t i = 0; i < ranks.size(); ++i) ranks[i] = {eight_bytes(entries_[i].key, common), i};
  std::sort(ranks.begin(), ranks.end(), [this](const Rank& a, const Rank& b) {
    if (a.bytes != b.bytes) return a.bytes < b.bytes;
    return entries_[a.entry].key < entries_[b.entry].key;
  });
  sorted_.reserve(ranks.size());
  for (const Rank& rank : ranks) sorted_.push_back(entries_[rank.entry]);
  return sorted_;
}

void Coalescer::clear() {
  entries_.clear();
  sorted_.clear();
  std::fill(slots_.begin(), slots_.end(), 0U);
}

}  // namespace sujip::sink
