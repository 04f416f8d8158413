#include "core/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace sujip {

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) != 0) {}

void ProgressLine::show(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", text);
    std::fflush(stderr);
    shown_ = true;
    return;
  }
  if (text == last_text_ || now - last_ < std::chrono::seconds(5)) return;
  last_ = now;
  last_text_ = text;
  fmt::print(stderr, "{}\n", text);
}

void ProgressLine::clear() {
  if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace sujip
