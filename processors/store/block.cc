#include "processors/store/block.h"

#include <algorithm>

namespace sujip {

size_t Block::page_of(const KeyHash& key) const {
  const auto behind = std::upper_bound(pages_.begin(), pages_.end(), key,
                                       [](const KeyHash& k, const Page& page) { return k < page.start(); });
  return behind == pages_.begin() ? pages_.size() : static_cast<size_t>(behind - pages_.begin()) - 1;
}

std::optional<std::string_view> Block::find(const KeyHash& key) const {
  const size_t at = page_of(key);
  return at == pages_.size() ? std::nullopt : pages_[at].find(key);
}

void Block::prefetch() const {
  constexpr size_t kMost = 64 << 10;
  if (bytes_ > kMost) return;
  for (const Page& page : pages_) page.prefetch();
}

// Every change goes through here, so that what is counted is right.
template <class Change>
void Block::change(size_t at, const Change& f) {
  Page& page = pages_[at];
  const size_t before = page.bytes();
  const size_t dirty_before = page.dirty() ? before : 0;
  f(page);
  bytes_ += page.bytes() - before;
  dirty_bytes_ += (page.dirty() ? page.bytes() : 0) - dirty_before;
}

void Block::put(const KeyHash& key, std::string_view value) {
  size_t at = page_of(key);
  if (at == pages_.size()) {
    at = 0;
    pages_.emplace(pages_.begin(), KeyHash{});
    bytes_ += pages_.front().bytes();
  }
  change(at, [&](Page& page) { page.put(key, value); });
  split_large(at);
}

void Block::split_large(size_t at) {
  if (!pages_[at].is_large()) return;
  std::optional<Page> upper;
  change(at, [&](Page& page) { upper = page.split(); });
  bytes_ += upper->bytes();
  dirty_bytes_ += upper->bytes();
  pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(at) + 1, *std::move(upper));
  // Halves of the rows are not halves of the bytes.
  split_large(at + 1);
  split_large(at);
}

void Block::erase(const KeyHash& key) {
  const size_t at = page_of(key);
  if (at != pages_.size()) change(at, [&](Page& page) { page.erase(key); });
}

void Block::load(const KeyHash& start, std::string_view stored) {
  pages_.emplace_back(start, stored);
  bytes_ += pages_.back().bytes();
}

bool Block::keeps(const Page& page) const { return !page.rows().empty() || (&page == &pages_.front() && !empty()); }

void Block::written() {
  if (!dirty()) return;
  const bool first_goes = !keeps(pages_.front());
  std::erase_if(pages_,
                [&](const Page& page) { return page.rows().empty() && (first_goes || page.start() != KeyHash{}); });
  bytes_ = dirty_bytes_ = 0;
  for (Page& page : pages_) {
    page.written();
    bytes_ += page.bytes();
  }
}

Block::Iterator Block::begin() const {
  Iterator at{this, 0, 0};
  at.skip_empty();
  return at;
}

void Block::Iterator::skip_empty() {
  while (page_ < block_->pages_.size() && row_ == block_->pages_[page_].rows().size()) {
    ++page_;
    row_ = 0;
  }
}

Block::Item Block::Iterator::operator*() const {
  const Page& page = block_->pages_[page_];
  const Page::Row& row = page.rows()[row_];
  return {row.key, page.value(row)};
}

Block::Iterator& Block::Iterator::operator++() {
  ++row_;
  skip_empty();
  return *this;
}

Block::Iterator& Block::Iterator::operator--() {
  while (row_ == 0) row_ = block_->pages_[--page_].rows().size();
  --row_;
  return *this;
}

}  // namespace sujip
