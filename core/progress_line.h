#pragma once
// One line that is rewritten on a terminal, and a plain line every few seconds elsewhere.

#include <chrono>
#include <string>

namespace sujip {

class ProgressLine {
 public:
  ProgressLine();
  void show(const std::string& text);
  void clear();  // before other output

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
  std::string last_text_;
};

}  // namespace sujip
