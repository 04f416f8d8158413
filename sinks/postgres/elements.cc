#include "sinks/postgres/elements.h"

#include <arpa/inet.h>

#include <algorithm>

namespace sujip::sink {
namespace {

constexpr size_t kLength = 4;  // bytes of a length

char* put(char* out, uint32_t value) {
  value = htonl(value);
  std::memcpy(out, &value, sizeof value);
  return out + sizeof value;
}

// Dimensions, whether there are nulls, type, size and first index of the one dimension.
void put_header(char* out, bool nulls, uint32_t oid, size_t size) {
  out = put(out, 1);
  out = put(out, nulls ? 1 : 0);
  out = put(out, oid);
  out = put(out, static_cast<uint32_t>(size));
  put(out, 1);
}

}  // namespace

char* Elements::room(size_t bytes) {
  if (size_ + bytes > capacity_) {
    const size_t capacity = std::max(capacity_ * 2, size_ + bytes + 1024);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0 && bytes_) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }
  return bytes_.get() + size_;
}

void Elements::clear() {
  size_ = 0;
  room(kHeader);
  size_ = kHeader;
  starts_.clear();
  nulls_ = false;
}

void Elements::add_null() {
  put(room(kLength), UINT32_MAX);
  starts_.push_back(static_cast<uint32_t>(size_));
  size_ += kLength;
  nulls_ = true;
}

char* Elements::begin_add(size_t most) {
  return room(kLength + most) + kLength;
}

void Elements::end_add(const char* end) {
  char* const start = bytes_.get() + size_;
  const auto total = static_cast<size_t>(end - start);
  put(start, static_cast<uint32_t>(total - kLength));
  starts_.push_back(static_cast<uint32_t>(size_));
  size_ += total;
}

void Elements::add(std::string_view prefix, std::string_view bytes) {
  char* out = begin_add(prefix.size() + bytes.size());
  out = std::copy(prefix.begin(), prefix.end(), out);
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  end_add(out + bytes.size());
}

int32_t Elements::length(size_t i) const {
  uint32_t value = 0;
  std::memcpy(&value, bytes_.get() + starts_[i], sizeof value);
  return static_cast<int32_t>(ntohl(value));
}

std::string_view Elements::operator[](size_t i) const {
  const int32_t size = length(i);
  if (size < 0) return {};
  return {bytes_.get() + starts_[i] + kLength, static_cast<size_t>(size)};
}

std::string_view Elements::field(size_t i) const {
  const int32_t size = length(i);
  return {bytes_.get() + starts_[i], kLength + static_cast<size_t>(std::max(size, 0))};
}

std::string_view Elements::array(uint32_t oid) const {
  put_header(bytes_.get(), nulls_, oid, size());
  return {bytes_.get(), size_};
}

std::string_view Elements::array(uint32_t oid, std::span<const uint32_t> which,
                                 std::string& room) const {
  room.assign(kHeader, '\0');
  put_header(room.data(), nulls_, oid, which.size());
  for (const uint32_t i : which) room += field(i);
  return room;
}

}  // namespace sujip::sink
