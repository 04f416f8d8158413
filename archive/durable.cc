#include "archive/durable.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace sujip::archive {
namespace {

Error system_error(const std::string& what, const std::string& where) {
  const int code = errno;
  return Error{what + ": " + std::strerror(code), where,
               code == ENOSPC ? "make room, then start again: nothing is lost" : ""};
}

Status write_all(int fd, std::string_view bytes, const std::string& where) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_error("writing", where);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

std::string folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

Status sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("opening the folder", path);
  const int done = ::fsync(fd);
  ::close(fd);
  if (done != 0) return system_error("making the folder durable", path);
  return {};
}

Status make_folder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  const std::string parent = folder_of(path);
  if (parent != path) SUJIP_CHECK_OK(make_folder(parent));
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) return system_error("making the folder", path);
  return sync_folder(parent);
}

Result<DurableFile> DurableFile::create(const std::string& path) {
  DurableFile self(path);
  const std::string part = path + std::string(kPart);
  self.fd_ = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (self.fd_ < 0) return system_error("making the file", part);
  return self;
}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

DurableFile::~DurableFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink((path_ + std::string(kPart)).c_str());
}

Status DurableFile::write(std::string_view bytes) { return write_all(fd_, bytes, path_ + std::string(kPart)); }

Status DurableFile::finish() {
  const std::string part = path_ + std::string(kPart);
  if (::fsync(fd_) != 0) return system_error("making the file durable", part);
  ::close(std::exchange(fd_, -1));
  if (::rename(part.c_str(), path_.c_str()) != 0) return system_error("renaming", part);
  return sync_folder(folder_of(path_));
}

Status append_line(const std::string& path, const std::string& line) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return system_error("opening the file", path);
  Status done = write_all(fd, line + "\n", path);
  if (done.ok() && ::fsync(fd) != 0) done = system_error("making the file durable", path);
  ::close(fd);
  if (!done.ok()) return done;
  return sync_folder(folder_of(path));
}

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error("opening the file", path);
  std::string out;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && info.st_size > 0) out.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Error error = system_error("reading", path);
      ::close(fd);
      return error;
    }
    if (n == 0) break;
    out.append(buffer, static_cast<size_t>(n));
  }
  ::close(fd);
  return out;
}

Result<FolderLock> FolderLock::take(const std::string& folder) {
  FolderLock self;
  const std::string path = folder + "/.lock";
  self.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (self.fd_ < 0) return system_error("opening the lock", path);
  if (::flock(self.fd_, LOCK_EX | LOCK_NB) != 0)
    return Error{"somebody else is writing into this archive", folder, "wait until it has ended"};
  return self;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace sujip::archive
