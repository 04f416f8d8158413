#pragma once
// Copies of keys, close together: comparing them doesn't fetch the messages they came with.

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace sujip::sink {

class KeyStore {
 public:
  // The copy stays where it is until clear().
  std::string_view keep(std::string_view key) {
    if (key.size() > kBlock / 16) {
      large_.push_back(std::make_unique_for_overwrite<char[]>(key.size()));
      std::memcpy(large_.back().get(), key.data(), key.size());
      return {large_.back().get(), key.size()};
    }
    if (used_ + key.size() > kBlock) {
      if (++block_ >= blocks_.size()) blocks_.push_back(std::make_unique_for_overwrite<char[]>(kBlock));
      used_ = 0;
    }
    char* const at = blocks_[block_].get() + used_;
    if (!key.empty()) std::memcpy(at, key.data(), key.size());
    used_ += key.size();
    return {at, key.size()};
  }

  // Keeps the memory for the next keys.
  void clear() {
    block_ = kNone;
    used_ = kBlock;
    large_.clear();
  }

 private:
  static constexpr size_t kBlock = 256 * 1024;
  static constexpr size_t kNone = static_cast<size_t>(-1);
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<std::unique_ptr<char[]>> large_;
  size_t block_ = kNone;
  size_t used_ = kBlock;
};

}  // namespace sujip::sink
