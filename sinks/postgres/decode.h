#pragma once
// From a message to the cells of a row. JSON is walked once, on demand; no tree is built.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sinks/postgres/table.h"

namespace sujip::sink {

// One value as text, not yet escaped; `null` when there is none.
struct Cell {
  std::string_view text;
  bool null = true;
};

enum class Kind : uint8_t { upsert, remove, bad };

struct Decoded {
  Kind kind = Kind::bad;
  std::string problem;  // of a bad one
};

class Decoder {
 public:
  explicit Decoder(const Table& table);
  ~Decoder();
  Decoder(Decoder&&) noexcept;

  // `value` data() == nullptr is a tombstone. Fills cells(): all columns of an upsert; of a removal the
  // key columns and rev (the highest possible one for a tombstone). Cells are valid until the next
  // call.
  Decoded decode(std::string_view key, std::string_view value);
  const std::vector<Cell>& cells() const { return cells_; }

 private:
  struct Parser;
  struct Slots;
  bool decode_key(std::string_view key, std::string& problem);
  void set_millis(size_t column, int64_t ms);
  void put_text(size_t column, std::string_view text);

  const Table* table_;
  std::vector<Cell> cells_;
  std::vector<int> from_row_, from_source_, from_envelope_, from_key_;
  std::string times_;  // texts made here: timestamps
  std::unique_ptr<Parser> value_parser_, key_parser_;
  friend struct Walk;
};

}  // namespace sujip::sink
