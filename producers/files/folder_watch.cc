#include "producers/files/folder_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace sujip::feeds {

FolderWatch::FolderWatch() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FolderWatch::~FolderWatch() {
  if (fd_ >= 0) ::close(fd_);
}

void FolderWatch::watch(const std::vector<std::string>& folders) {
  if (fd_ < 0) return;
  for (const std::string& folder : folders) {
    // Adding a folder again is harmless, and right when it was made anew.
    ::inotify_add_watch(fd_, folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
  }
}

bool FolderWatch::wait(std::chrono::milliseconds longest) {
  pollfd wanted{fd_, POLLIN, 0};
  const int timeout = static_cast<int>(longest.count());
  if (::poll(&wanted, fd_ >= 0 ? 1 : 0, timeout) <= 0) return false;
  alignas(inotify_event) std::array<char, 16384> events;
  while (::read(fd_, events.data(), events.size()) > 0) {
  }
  return true;
}

}  // namespace sujip::feeds
