#include "monitoring/board/format.h"

#include <fmt/format.h>

namespace sujip::board {

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string number(int64_t value) {
  std::string digits = std::to_string(value);
  const size_t first = digits.front() == '-' ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string day_text(Language language, Day day) {
  return fmt::format("{} ({})", day.str(), word(language, "weekday." + std::to_string(day.iso_weekday())));
}

std::string clock_text(TimeMs at) { return seoul_text(at).substr(11, 5); }

std::string time_text(Language language, TimeMs at) { return day_text(language, seoul_day(at)) + " " + clock_text(at); }

std::string time_text(Language language, std::optional<TimeMs> at) { return at ? time_text(language, *at) : "–"; }

std::string duration_text(int64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
  return fmt::format("{} min {:02} s", ms / 60'000, ms / 1000 % 60);
}

std::string shell_quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace sujip::board
