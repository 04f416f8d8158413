#pragma once
// All rows of one prefix in memory, found by key or walked in key order: its pages. The first page starts at key 0 and
// stays as long as there are others, so that a block of one page, and most are, is read without a search.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "processors/store/page.h"

namespace sujip {

class Block {
 public:
  // A view of the row's bytes, valid until the next change; nullopt: there is none.
  std::optional<std::string_view> find(const KeyHash& key) const;
  void put(const KeyHash& key, std::string_view value);
  void erase(const KeyHash& key);
  // Asks for the memory of the rows ahead of their use, if it is not much: rows that come together are looked at
  // together.
  void prefetch() const;
  // A page as the store has it. They must come in order.
  void load(const KeyHash& start, std::string_view stored);

  // A row while nothing is changed.
  struct Item {
    const KeyHash& key;
    std::string_view value;
  };
  class Iterator {
   public:
    Item operator*() const;
    Iterator& operator++();
    Iterator& operator--();
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend Block;
    Iterator(const Block* block, size_t page, size_t row) : block_(block), page_(page), row_(row) {}
    void skip_empty();
    const Block* block_;
    size_t page_;
    size_t row_;
  };
  // All rows in key order.
  Iterator begin() const;
  Iterator end() const { return {this, pages_.size(), 0}; }
  bool empty() const { return begin() == end(); }

  // Pages, those that became empty among them until a checkpoint has them.
  const std::vector<Page>& pages() const { return pages_; }
  // Whether the store must hold the page, or must not.
  bool keeps(const Page& page) const;
  bool dirty() const { return dirty_bytes_ > 0; }
  // A checkpoint has all pages as they are.
  void written();
  size_t bytes() const { return bytes_; }
  size_t dirty_bytes() const { return dirty_bytes_; }  // of pages that are dirty

 private:
  size_t page_of(const KeyHash& key) const;  // pages_.size(): below all of them
  void split_large(size_t at);
  template <class Change>
  void change(size_t at, const Change& f);

  std::vector<Page> pages_;  // by start
  size_t bytes_ = 0;
  size_t dirty_bytes_ = 0;
};

}  // namespace sujip
