#pragma once
// Pieces of the decoder: a JSON parser that keeps its buffers, and finding members by name.

#include <simdjson.h>

#include <cstring>
#include <string_view>
#include <vector>

namespace sujip::sink {

inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

inline bool holds(std::string_view text, char c) {
  return !text.empty() && std::memchr(text.data(), c, text.size()) != nullptr;
}

// The grammar of JSON's numbers: simdjson checks only those it is asked to compute.
inline bool is_number(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const size_t start = i;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[start] == '0')) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

// A parser with its padded copy of the document: simdjson reads past the end.
struct Parser {
  simdjson::ondemand::parser parser;
  std::vector<char> buffer;
  const char* end = nullptr;

  simdjson::error_code start(std::string_view json, simdjson::ondemand::document& document) {
    if (buffer.size() < json.size() + simdjson::SIMDJSON_PADDING) {
      buffer.resize((json.size() + simdjson::SIMDJSON_PADDING) * 2);
    }
    if (!json.empty()) std::memcpy(buffer.data(), json.data(), json.size());
    std::memset(buffer.data() + json.size(), 0, simdjson::SIMDJSON_PADDING);
    end = buffer.data() + json.size();
    return parser.iterate(buffer.data(), json.size(), buffer.size()).get(document);
  }
};

// A member somebody wants, and the cell it fills.
struct Wanted {
  std::string_view field;
  size_t cell = 0;
  bool json = false;    // as it stands in the document
  bool millis = false;  // a number of milliseconds that becomes a time
};

// Finds members by name. They usually come in the order of the columns.
class JsonMembers {
 public:
  void add(const Wanted& wanted) { wanted_.push_back(wanted); }
  bool empty() const { return wanted_.empty(); }
  void rewind() { next_ = 0; }

  // `raw`: behind the opening quote of the name. Null when nobody wants it.
  const Wanted* find(const char* raw, const char* end) {
    const size_t n = wanted_.size();
    for (size_t i = 0; i < n; ++i) {
      const size_t at = next_ + i < n ? next_ + i : next_ + i - n;
      const std::string_view field = wanted_[at].field;
      if (static_cast<size_t>(end - raw) > field.size() && raw[field.size()] == '"' &&
          std::memcmp(raw, field.data(), field.size()) == 0) {
        next_ = at + 1;
        return &wanted_[at];
      }
    }
    return nullptr;
  }

 private:
  std::vector<Wanted> wanted_;
  size_t next_ = 0;
};

}  // namespace sujip::sink
