#pragma once
// From a message to the cells of a row. Each record is walked once, on demand; no tree is built,
// and what no column wants is skipped.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/postgres/table.h"

namespace sujip::sink {

// One value as text, not yet escaped; `null` when there is none.
struct Cell {
  std::string_view text;
  bool null = true;
  bool plain = false;  // neither quote nor backslash nor control character: no format escapes it
};

enum class Kind : uint8_t { upsert, remove, bad };

struct Decoded {
  Kind kind = Kind::bad;
  std::string problem;  // of a bad one
};

// Where a record stands in Kafka.
struct Position {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp = 0;  // ms since 1970; 0 when there is none
};

class Decoder {
 public:
  explicit Decoder(const Table& table);
  ~Decoder();
  Decoder(Decoder&&) noexcept;

  // `value` data() == nullptr is a tombstone. Fills cells(): all columns of an upsert; of a removal
  // the key columns, the mark and the revision (the highest possible one for a tombstone). Behind
  // them stand those that are read aside. Cells are valid until the next call.
  Decoded decode(std::string_view key, std::string_view value, const Position& at = {});
  std::span<const Cell> cells() const;
  bool wants_position() const;  // false: `at` is not looked at

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sujip::sink
