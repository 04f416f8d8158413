#pragma once
// A file of a source's folder and what its name says.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "producers/files/connector_file.h"
#include "producers/files/position.h"
#include "topics/scope.h"

namespace sujip::feeds {

struct FoundFile {
  std::string path;
  std::string name;  // relative to the source's folder, with '/'
  int64_t size = 0;
  int64_t mtime_ns = 0;
};

struct OfferedFile {
  FoundFile file;
  Scope scope;
  std::optional<TimeMs> snapshot_at;  // of a series; else the time of acceptance
};

// What a person said who offers a file by hand; wins over the file's name.
struct Said {
  std::string account;
  NameParts parts;  // date, section, time …
};

// The file of this path. Error: not there, or not a regular file.
Result<FoundFile> look_at(const std::string& path, const std::string& name);

// The files below `folder` whose relative path matches the glob, sorted by name; hidden files and
// folders are left out. `folders`, when given, receives every folder looked into.
Result<std::vector<FoundFile>> find_files(const std::string& folder, const std::string& glob,
                                          std::vector<std::string>* folders = nullptr);

// Scope and snapshot time of a file; a refusal when its name doesn't say what the connector needs.
std::variant<OfferedFile, Refusal> describe(const FileConnector& connector, const FoundFile& file,
                                            const Said& said = {});

// The order of publication: a series by snapshot time, everything else by name.
void sort_for_publication(std::vector<OfferedFile>& files);

}  // namespace sujip::feeds
