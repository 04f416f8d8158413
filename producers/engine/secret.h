#pragma once
// Keys and passwords in memory. A Secret prints as *** wherever it is printed; the text comes out only
// through reveal(), where it is sent.

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace sujip {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

 private:
  std::string text_;
};

// The last line of defence: takes known secrets out of texts made by others (vendors' error messages,
// templates) before they are logged or published.
class Redactor {
 public:
  void add(const Secret& secret) {
    if (secret.reveal().size() >= 4) texts_.push_back(secret.reveal());
    std::sort(texts_.begin(), texts_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  }
  std::string clean(std::string text) const {
    for (const std::string& secret : texts_)
      for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
        text.replace(at, secret.size(), "***");
    return text;
  }

 private:
  std::vector<std::string> texts_;
};

}  // namespace sujip

template <>
struct fmt::formatter<sujip::Secret> : fmt::formatter<std::string_view> {
  auto format(const sujip::Secret&, format_context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
