#include "producers/files/position.h"

#include <algorithm>

namespace sujip::feeds {

std::string Refusal::where() const {
  std::string out = file;
  if (row > 0) out += ": row " + std::to_string(row);
  if (column > 0) out += ", column " + std::to_string(column);
  return out;
}

std::string Refusal::message() const {
  std::string out = where() + ": " + reason;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string excerpt(std::string_view text, size_t limit) {
  size_t end = std::min(text.size(), limit);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  std::string out(text.substr(0, end));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (end < text.size()) out += "…";
  return out;
}

}  // namespace sujip::feeds
