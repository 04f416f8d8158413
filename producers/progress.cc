#include "producers/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "core/log.h"

namespace sujip {

Progress::Progress(bool forced) : terminal_(::isatty(STDERR_FILENO) == 1), forced_(forced), last_(Clock::now()) {}

void Progress::show(const std::string& source, const feeds::FeedCounts& counts, size_t done, size_t total) {
  if (source != source_) {
    finish();
    last_rows_ = 0;
  }
  source_ = source;
  rows_ = counts.rows;
  refused_ = counts.refused.size();
  done_ = done;
  total_ = total;
  pending_ = true;
  const auto pause = std::chrono::seconds(terminal_ || forced_ ? 1 : 5);
  if (Clock::now() - last_ >= pause) print();
}

void Progress::print() {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const double rate = seconds < 0.01 ? 0 : static_cast<double>(rows_ - last_rows_) / seconds;
  const std::string text =
      fmt::format("{}: {}/{} files, {} rows, {:.0f} rows/s, {} refused", source_, done_, total_, rows_, rate, refused_);
  if (terminal_) {
    fmt::print(stderr, "\r\033[K{}", text);
    std::fflush(stderr);
  } else if (forced_) {
    fmt::print(stderr, "{}\n", text);
  } else {
    log::info("{}", text);
  }
  last_ = now;
  last_rows_ = rows_;
  shown_ = true;
  pending_ = false;
}

void Progress::finish() {
  if (pending_ && (shown_ || terminal_ || forced_)) print();
  if (terminal_ && shown_) fmt::print(stderr, "\n");
  shown_ = pending_ = false;
}

}  // namespace sujip
