#pragma once
// Regular expressions as Python's re reads them, near enough: Perl syntax, (?P<name>..) allowed,
// matching bytes of UTF-8. A match that needs too much work is an error, never a hang.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sujip {

class Pattern {
 public:
  static Result<Pattern> compile(std::string_view expression);
  // The first group of the first match anywhere; "" when nothing matches or there is no group.
  Result<std::string> first_group(std::string_view text) const;
  Result<bool> found_in(std::string_view text) const;
  // Every match replaced; \1 and \g<1> stand for groups.
  Result<std::string> replace_all(std::string_view text, std::string_view replacement) const;

 private:
  struct Compiled;
  explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace sujip
