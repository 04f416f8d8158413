#include "core/expressions/pattern.h"

#include <fmt/format.h>

#include <boost/regex.hpp>

namespace sujip {

struct Pattern::Compiled {
  boost::regex regex;
};

namespace {

using Match = boost::match_results<std::string_view::const_iterator>;

Error too_hard(const std::exception& e) {
  return {fmt::format("matching a regular expression: {}", e.what()), "", "simplify it: no nested repeats"};
}

void append_replacement(std::string& out, std::string_view replacement, const Match& match) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] != '\\' || i + 1 == replacement.size()) {
      out += replacement[i];
      continue;
    }
    const char c = replacement[++i];
    if (c >= '0' && c <= '9') {
      out += match[c - '0'].str();
    } else if (c == 'g' && i + 2 < replacement.size() && replacement[i + 1] == '<') {
      const size_t end = replacement.find('>', i);
      if (end == replacement.npos) return;
      const std::string name(replacement.substr(i + 2, end - i - 2));
      const bool number = name.size() == 1 && name[0] >= '0' && name[0] <= '9';
      out += number ? match[name[0] - '0'].str() : match[name].str();
      i = end;
    } else if (c == 'n') {
      out += '\n';
    } else if (c == 't') {
      out += '\t';
    } else {
      if (c != '\\') out += '\\';
      out += c;
    }
  }
}

}  // namespace

Result<Pattern> Pattern::compile(std::string_view expression) {
  std::string perl(expression);
  for (size_t at = perl.find("(?P<"); at != perl.npos; at = perl.find("(?P<", at)) perl.erase(at + 2, 1);
  try {
    return Pattern(std::make_shared<Compiled>(Compiled{boost::regex(perl, boost::regex::perl)}));
  } catch (const std::exception& e) {
    return Error{fmt::format("regular expression '{}': {}", expression, e.what()), "", ""};
  }
}

Result<std::string> Pattern::first_group(std::string_view text) const {
  try {
    Match match;
    if (!boost::regex_search(text.begin(), text.end(), match, compiled_->regex) || match.size() < 2)
      return std::string();
    return match[1].str();
  } catch (const std::exception& e) {
    return too_hard(e);
  }
}

Result<bool> Pattern::found_in(std::string_view text) const {
  try {
    return boost::regex_search(text.begin(), text.end(), compiled_->regex);
  } catch (const std::exception& e) {
    return too_hard(e);
  }
}

Result<std::string> Pattern::replace_all(std::string_view text, std::string_view replacement) const {
  try {
    std::string out;
    auto rest = text.begin();
    for (boost::regex_iterator<std::string_view::const_iterator> it(text.begin(), text.end(), compiled_->regex), end;
         it != end; ++it) {
      out.append(rest, (*it)[0].first);
      append_replacement(out, replacement, *it);
      rest = (*it)[0].second;
    }
    out.append(rest, text.end());
    return out;
  } catch (const std::exception& e) {
    return too_hard(e);
  }
}

}  // namespace sujip
