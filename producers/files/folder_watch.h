#pragma once
// Wakes up when something is written, renamed or made in one of the watched folders.

#include <chrono>
#include <string>
#include <vector>

namespace sujip::feeds {

// Best effort: without inotify (or with too many folders) it only waits, and the schedule does the work.
class FolderWatch {
 public:
  FolderWatch();
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  void watch(const std::vector<std::string>& folders);
  // True when something happened, at the latest after `longest`.
  bool wait(std::chrono::milliseconds longest);

 private:
  int fd_ = -1;
};

}  // namespace sujip::feeds
