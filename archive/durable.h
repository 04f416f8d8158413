#pragma once
// Files that are there as a whole or not at all, also after a kill or a power cut.

#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sujip::archive {

// What a file is called while it is being written.
inline constexpr std::string_view kPart = ".part";

// Makes a folder with its parents, and their names durable.
Status make_folder(const std::string& path);
Status sync_folder(const std::string& path);

// One file being written as <path>.part. Dropped without finish() it leaves at most that.
class DurableFile {
 public:
  static Result<DurableFile> create(const std::string& path);
  DurableFile(DurableFile&& other) noexcept;
  DurableFile& operator=(DurableFile&& other) = delete;
  ~DurableFile();

  Status write(std::string_view bytes);
  // fsync, rename, fsync of the folder: from here on the file is there.
  Status finish();

 private:
  explicit DurableFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
  int fd_ = -1;
};

// Appends to a file that is kept open by nobody, and waits until it is on the disk.
Status append_line(const std::string& path, const std::string& line);

Result<std::string> read_file(const std::string& path);

// Keeps others from writing into the same folder for as long as it lives.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::string& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) = delete;
  ~FolderLock();

 private:
  FolderLock() = default;
  int fd_ = -1;
};

}  // namespace sujip::archive
