#pragma once
// One file -> records. Small files are read once and kept as records until they are published; large
// ones are streamed in blocks, first to check them, then to publish them.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "producers/files/connector_file.h"
#include "producers/files/position.h"

namespace sujip::feeds {

inline constexpr size_t kKeepBytes = 64ull << 20;  // files up to this size are read once
inline constexpr size_t kBlockBytes = 1ull << 20;
inline constexpr size_t kMaxRecordBytes = 950'000;  // a broker takes 1 MB by default

// The records of a file, packed.
class Records {
 public:
  void clear();
  size_t size() const { return ends_.size(); }
  std::string_view key(size_t i) const;
  std::string_view value(size_t i) const;

  // Where the next record is written; close() ends it.
  std::string& keys() { return keys_; }
  std::string& values() { return values_; }
  void close() { ends_.push_back({keys_.size(), values_.size()}); }

 private:
  struct End {
    size_t key, value;
  };
  std::string keys_, values_;
  std::vector<End> ends_;
};

struct FileFacts {
  std::string content_hash;  // xxh3-128 of the bytes, hex
  int64_t bytes = 0;
  int64_t rows = 0;
  Charset charset = Charset::utf8;
  std::vector<std::string> columns;
  std::vector<std::string> new_columns;  // in the file, not in csv.columns
};

// Takes one record; false stops reading.
using OnRecord = std::function<bool(std::string_view key, std::string_view value)>;

// Why a file gave no records: it is wrong (Refusal), or reading it failed (Error).
using Trouble = std::variant<Refusal, Error>;

// Hash of the bytes alone: is it worth reading the rows?
Result<std::string> content_hash_of(const std::string& path);

class FileReader {
 public:
  explicit FileReader(const FileConnector& connector) : connector_(connector) {}

  // Checks the whole file at `path` (`name` in messages). Up to kKeepBytes its records stay in
  // `records()`; of a larger file nothing is kept, see stream().
  // nullopt = fine; facts() is set.
  std::optional<Trouble> check(const std::string& path, const std::string& name);

  // Reads the file again and hands over its records; at most `limit` when that is not 0.
  std::optional<Trouble> stream(const std::string& path, const std::string& name, const OnRecord& on_record,
                                int64_t limit = 0);

  const FileFacts& facts() const { return facts_; }
  bool kept() const { return kept_; }
  const Records& records() const { return records_; }

 private:
  std::optional<Trouble> read_whole(const std::string& path, const std::string& name, size_t size);

  const FileConnector& connector_;
  FileFacts facts_;
  Records records_;
  bool kept_ = false;
  std::string bytes_;  // reused from file to file
  std::string text_;
};

}  // namespace sujip::feeds
