#pragma once
// Walks over JSON that programs of ours wrote: no blanks, names in a known order. What comes in any other form is
// not an error of the text: a step that does not fit returns false, and the caller parses in earnest.

#include <cstddef>
#include <cstring>
#include <string_view>

namespace sujip {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // Steps over `expected`, which is not empty, when it stands here.
  bool literal(std::string_view expected) {
    if (static_cast<size_t>(end_ - at_) < expected.size() || *at_ != expected.front()) return false;
    if (std::memcmp(at_, expected.data(), expected.size()) != 0) return false;
    at_ += expected.size();
    return true;
  }
  bool character(char expected) {
    if (at_ == end_ || *at_ != expected) return false;
    ++at_;
    return true;
  }
  // A string without escapes, without its quotes.
  bool string(std::string_view& out);
  // A number's digits. Their form is not looked at.
  bool number(std::string_view& out);
  // Any value, as it stands.
  bool value(std::string_view& out);
  // Goes behind the next place where `text` stands; it must not be able to be part of a value.
  bool find(std::string_view text);
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace sujip
