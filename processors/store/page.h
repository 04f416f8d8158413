#pragma once
// A few rows whose keys lie next to each other: what the store reads and writes at once.
//
// In memory the rows are sorted by key and their bytes lie in one arena; in the store they are one value. So a row
// costs the store next to nothing, and a changed row its page again.
//
// Stored form: varint 2 x rows, + 1 when other pages follow | rows x key (16 bytes) | rows x varint size | bytes of
// all rows, in key order.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topics/row.h"

namespace sujip {

class Page {
 public:
  struct Row {
    KeyHash key;
    uint32_t at = 0;  // in the arena
    uint32_t size = 0;
  };

  // `start`: the least key that belongs here.
  explicit Page(const KeyHash& start) : start_(start) {}
  // From its stored form; throws std::runtime_error when that is damaged.
  Page(const KeyHash& start, std::string_view stored);

  const KeyHash& start() const { return start_; }
  const std::vector<Row>& rows() const { return rows_; }
  std::string_view value(const Row& row) const { return std::string_view(arena_).substr(row.at, row.size); }

  // A view of the row's bytes, valid until the next change; nullopt: there is none.
  std::optional<std::string_view> find(const KeyHash& key) const;
  void put(const KeyHash& key, std::string_view value);
  bool erase(const KeyHash& key);  // false: there was none

  // Asks for its memory ahead of its use.
  void prefetch() const;

  bool is_large() const;
  // Takes the upper half of the rows away.
  Page split();

  // `more`: pages follow. Nobody is told when they go, so it means that they may.
  void encode(bool more, std::string& out) const;
  static bool says_more(std::string_view stored) { return !stored.empty() && (stored.front() & 1) != 0; }

  bool dirty() const { return dirty_; }
  bool stored() const { return stored_; }  // a checkpoint has it, in this state or an older one
  void written();
  size_t bytes() const { return sizeof(Page) + arena_.capacity() + rows_.capacity() * sizeof(Row); }

 private:
  std::vector<Row>::iterator place_of(const KeyHash& key);
  void pack(size_t room);

  KeyHash start_;
  std::vector<Row> rows_;
  std::string arena_;
  uint32_t unused_ = 0;  // bytes of the arena that no row needs any more
  bool dirty_ = false;
  bool stored_ = false;
};

}  // namespace sujip
