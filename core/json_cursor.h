#pragma once
// Walks over JSON without blanks, whose form is known: what programs of ours wrote, and most of what others do. What
// comes in any other form is not an error of the text: a step that does not fit returns false, and the caller parses in
// earnest.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/json_scan.h"
#include "core/short_bytes.h"

namespace sujip {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // Steps over `expected`, which is not empty, when it stands here.
  bool literal(std::string_view expected) {
    if (static_cast<size_t>(end_ - at_) < expected.size() || *at_ != expected.front()) return false;
    if (!equal_short(at_, expected.data(), expected.size())) return false;
    at_ += expected.size();
    return true;
  }
  bool character(char expected) {
    if (at_ == end_ || *at_ != expected) return false;
    ++at_;
    return true;
  }
  // A string without escapes, without its quotes.
  bool string(std::string_view& out) {
    if (at_ == end_ || *at_ != '"') return false;
    const std::string_view rest(at_ + 1, static_cast<size_t>(end_ - at_) - 1);
    const size_t size = find_json_special(rest);
    if (size == rest.size() || rest[size] != '"') return false;
    out = rest.substr(0, size);
    at_ += size + 2;
    return true;
  }
  // The same with escapes, but for those by number.
  bool escaped_string(std::string& out);
  // Units of 10^-scale of a number in JSON's form that loses nothing by it; scale <= 18.
  bool units(int scale, int64_t& out);
  // What stands here up to a comma or the end of what holds it, if only one letter.
  bool word(std::string_view& out);
  // Any value, as it stands.
  bool value(std::string_view& out);
  // Goes behind the next place where `text` stands; it must not be able to be part of a value. Quick when its first
  // character is rare.
  bool find(std::string_view text);
  std::string_view rest() const { return {at_, static_cast<size_t>(end_ - at_)}; }
  // The character that is next; '\0' at the end.
  char next() const { return at_ == end_ ? '\0' : *at_; }
  const char* at() const { return at_; }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace sujip
