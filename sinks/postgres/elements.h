#pragma once
// Values of one column, one behind the other as array_recv() takes them: length, bytes; -1 for null.
// COPY's binary format has its fields in the same form.

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sujip::sink {

class Elements {
 public:
  Elements() { clear(); }

  size_t size() const { return starts_.size(); }
  void add_null();
  void add(std::string_view prefix, std::string_view bytes);
  // The same in two steps, for what is made in place: memory for so many bytes, and where they end.
  char* begin_add(size_t most);
  void end_add(const char* end);
  void clear();  // keeps its memory

  bool is_null(size_t i) const { return length(i) < 0; }
  // "" for null. Valid until something is added.
  std::string_view operator[](size_t i) const;
  // Length and bytes.
  std::string_view field(size_t i) const;

  // A binary array of all, or of some, of a type. All: as it lies here, until something is added.
  // Some: in `room`.
  std::string_view array(uint32_t oid) const;
  std::string_view array(uint32_t oid, std::span<const uint32_t> which, std::string& room) const;

 private:
  static constexpr size_t kHeader = 20;  // of an array; in front of the values

  int32_t length(size_t i) const;
  char* room(size_t bytes);

  // Not a std::string: that would write zeroes over memory which is filled right after.
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
  std::vector<uint32_t> starts_;
  bool nulls_ = false;
};

}  // namespace sujip::sink
