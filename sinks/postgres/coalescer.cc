#include "sinks/postgres/coalescer.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace sujip::sink {
namespace {

using Entry = Coalescer::Entry;

// Eight bytes of a key as a number: comparing two of them touches no key.
struct Rank {
  uint64_t bytes = 0;
  uint32_t entry = 0;
};

// How many bytes two keys have in common, at most `most`; they agree in the first `from`.
size_t common_length(std::string_view a, std::string_view b, size_t from, size_t most) {
  most = std::min({a.size(), b.size(), most});
  size_t i = from;
  for (; i + 8 <= most; i += 8) {
    uint64_t x = 0;
    uint64_t y = 0;
    std::memcpy(&x, a.data() + i, 8);
    std::memcpy(&y, b.data() + i, 8);
    if (x != y) break;
  }
  while (i < most && a[i] == b[i]) ++i;
  return i;
}

uint64_t eight_bytes(std::string_view key, size_t from) {
  unsigned char bytes[8] = {};
  if (from < key.size()) std::memcpy(bytes, key.data() + from, std::min<size_t>(8, key.size() - from));
  uint64_t number = 0;
  for (const unsigned char byte : bytes) number = number << 8 | byte;
  return number;
}

// Sorts keys that agree in their first `from` bytes: skips what all have in common, sorts by the
// eight bytes behind it, and does the same with those that still agree.
void sort_keys(std::span<Rank> ranks, const std::vector<Entry>& entries, size_t from) {
  if (ranks.size() < 2) return;
  const std::string_view first = entries[ranks.front().entry].key;
  size_t common = first.size();
  for (const Rank& rank : ranks) common = common_length(first, entries[rank.entry].key, from, common);
  for (Rank& rank : ranks) rank.bytes = eight_bytes(entries[rank.entry].key, common);
  std::sort(ranks.begin(), ranks.end(), [](const Rank& a, const Rank& b) { return a.bytes < b.bytes; });
  for (size_t i = 0; i < ranks.size();) {
    size_t end = i + 1;
    while (end < ranks.size() && ranks[end].bytes == ranks[i].bytes) ++end;
    const auto group = ranks.subspan(i, end - i);
    const bool all_go_on = std::all_of(group.begin(), group.end(),
                                       [&](const Rank& rank) { return entries[rank.entry].key.size() >= common + 8; });
    if (group.size() > 4 && all_go_on) {
      sort_keys(group, entries, common + 8);
    } else if (group.size() > 1) {
      std::sort(group.begin(), group.end(),
                [&](const Rank& a, const Rank& b) { return entries[a.entry].key < entries[b.entry].key; });
    }
    i = end;
  }
}

}  // namespace

Coalescer::Added Coalescer::add(std::string_view key, uint32_t message) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const uint64_t hash = XXH3_64bits(key.data(), key.size());
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    if (slots_[at] == 0) {
      slots_[at] = static_cast<uint32_t>(entries_.size() + 1);
      entries_.push_back({store_.keep(key), message, false, hash});
      return {&entries_.back(), kNone};
    }
    Entry& entry = entries_[slots_[at] - 1];
    if (entry.hash != hash || entry.key != key) continue;
    const uint32_t superseded = entry.message;
    entry.message = message;
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
  std::vector<Rank> ranks(entries_.size());
  for (uint32_t i = 0; i < ranks.size(); ++i) ranks[i].entry = i;
  sort_keys(ranks, entries_, 0);
  sorted_.reserve(ranks.size());
  for (const Rank& rank : ranks) sorted_.push_back(entries_[rank.entry]);
  return sorted_;
}

void Coalescer::clear() {
  store_.clear();
  entries_.clear();
  sorted_.clear();
  std::fill(slots_.begin(), slots_.end(), 0U);
}

}  // namespace sujip::sink
