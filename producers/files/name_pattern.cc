#include "producers/files/name_pattern.h"

#include <algorithm>
#include <boost/regex.hpp>

namespace sujip::feeds {

struct NamePattern::Compiled {
  boost::regex expression;
};

namespace {

// The names of "(?<name>" groups, in order.
std::vector<std::string> named_groups(std::string_view pattern) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = pattern.find("(?<", at)) != std::string_view::npos; at += 3) {
    const bool escaped = at > 0 && pattern[at - 1] == '\\';
    const char next = at + 3 < pattern.size() ? pattern[at + 3] : '=';
    if (escaped || next == '=' || next == '!') continue;  // look-behind
    const size_t end = pattern.find('>', at);
    if (end != std::string_view::npos) names.emplace_back(pattern.substr(at + 3, end - at - 3));
  }
  return names;
}

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

int number(std::string_view digits, size_t at) { return (digits[at] - '0') * 10 + (digits[at + 1] - '0'); }

}  // namespace

Result<NamePattern> NamePattern::compile(const std::string& pattern) {
  NamePattern self;
  self.text_ = pattern;
  self.groups_ = named_groups(pattern);
  try {
    self.compiled_ = std::make_shared<Compiled>(Compiled{boost::regex(pattern)});
  } catch (const boost::regex_error& error) {
    return Error{std::string("not a regular expression: ") + error.what(), pattern, ""};
  }
  return self;
}

bool NamePattern::has_group(std::string_view name) const {
  return std::find(groups_.begin(), groups_.end(), name) != groups_.end();
}

std::optional<NameParts> NamePattern::match(const std::string& path) const {
  NameParts parts;
  if (!compiled_) return parts;
  boost::smatch found;
  try {
    if (!boost::regex_search(path, found, compiled_->expression)) return std::nullopt;
  } catch (const std::runtime_error&) {
    return std::nullopt;  // the expression gave up: too much backtracking
  }
  for (const std::string& group : groups_) {
    if (found[group].matched) parts[group] = found[group].str();
  }
  return parts;
}

std::optional<std::vector<std::string>> template_names(std::string_view text) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = text.find('{', at)) != std::string_view::npos;) {
    const size_t end = text.find('}', at);
    if (end == std::string_view::npos) return std::nullopt;
    names.emplace_back(text.substr(at + 1, end - at - 1));
    at = end;
  }
  return names;
}

std::string fill_template(std::string_view text, const NameParts& parts) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i];
      continue;
    }
    const auto part = parts.find(std::string(text.substr(i + 1, end - i - 1)));
    if (part != parts.end()) out += part->second;
    i = end;
  }
  return out;
}

std::optional<Day> parse_name_day(std::string_view text) {
  if (const auto day = Day::parse(text)) return day;
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '/';
  });
  const std::string digits = digits_of(text);
  if (!plain || digits.size() != 8) return std::nullopt;
  return Day::parse_compact(digits);
}

std::optional<TimeMs> parse_name_time(std::string_view text, int64_t zone_offset_ms) {
  if (const auto time = parse_time(text, zone_offset_ms)) return time;
  const std::string digits = digits_of(text);
  if (digits.size() != 8 && digits.size() != 12 && digits.size() != 14) return std::nullopt;
  const bool known = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || std::string_view("-_. :T").find(c) != std::string_view::npos;
  });
  const auto day = Day::parse_compact(std::string_view(digits).substr(0, 8));
  if (!known || !day) return std::nullopt;
  const int hour = digits.size() >= 12 ? number(digits, 8) : 0;
  const int minute = digits.size() >= 12 ? number(digits, 10) : 0;
  const int second = digits.size() == 14 ? number(digits, 12) : 0;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  constexpr int64_t kDayMs = 86'400'000;
  return day->since_epoch * kDayMs + ((hour * 60 + minute) * 60 + second) * int64_t{1000} - zone_offset_ms;
}

bool glob_matches(std::string_view glob, std::string_view path) {
  if (glob.starts_with("**/")) {
    const std::string_view rest = glob.substr(3);
    if (glob_matches(rest, path)) return true;
    for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
      if (glob_matches(rest, path.substr(slash + 1))) return true;
    }
    return false;
  }
  if (glob.empty()) return path.empty();
  if (glob.front() == '*') {
    const std::string_view rest = glob.substr(1);
    for (size_t i = 0;; ++i) {
      if (glob_matches(rest, path.substr(i))) return true;
      if (i == path.size() || path[i] == '/') return false;
    }
  }
  if (path.empty()) return false;
  if (glob.front() == '?' ? path.front() == '/' : glob.front() != path.front()) return false;
  return glob_matches(glob.substr(1), path.substr(1));
}

}  // namespace sujip::feeds
