#pragma once
// What a file's name says: named groups of a pattern, and the texts made from them.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/calendar.h"
#include "core/result.h"

namespace sujip::feeds {

using NameParts = std::map<std::string, std::string>;

// A regular expression (Perl syntax) with named groups: "(?<section>[^/]+)/(?<time>.+)\\.csv$".
class NamePattern {
 public:
  NamePattern() = default;  // matches everything, says nothing
  static Result<NamePattern> compile(const std::string& pattern);

  const std::string& text() const { return text_; }
  const std::vector<std::string>& groups() const { return groups_; }
  bool has_group(std::string_view name) const;

  // The named groups of `path`; nullopt when it doesn't match.
  std::optional<NameParts> match(const std::string& path) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
  std::string text_;
  std::vector<std::string> groups_;
};

// Names in braces: "{section}-{date}" -> section, date. nullopt when a brace is not closed.
std::optional<std::vector<std::string>> template_names(std::string_view text);
// `text` with each {name} replaced.
std::string fill_template(std::string_view text, const NameParts& parts);

// A day as file names write it: 2011-01-05, 2011.01.05, 20110105, 2011_01_05.
std::optional<Day> parse_name_day(std::string_view text);
// A time as file names write it: 2020-07-05T174436, 20200705_1744, 2020-07-05 (midnight), or RFC 3339.
// Without a zone of its own it is `zone_offset_ms` ahead of UTC.
std::optional<TimeMs> parse_name_time(std::string_view text, int64_t zone_offset_ms);

// "*.csv", "**/orders-*.csv": '*' and '?' stay within a folder, '**/' is any number of folders.
bool glob_matches(std::string_view glob, std::string_view path);

}  // namespace sujip::feeds
