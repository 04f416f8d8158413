#pragma once
// A row of a dataset in compact binary form: the bytes that live in the store, are compared for "same"
// and are rendered as JSON only when something changed.
//
// Layout (never change it without a new store format):
//   varint n            length of the canonical part
//   canonical part      bitmap of present fields, then their values, fields in declared order without
//                       the volatile ones
//   volatile part       the same for the volatile fields
// Values: integer, decimal (units of the declared scale), date (days), timestamp (ms): zigzag varint;
// boolean: one byte; string, json: varint length + bytes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topics/dataset.h"
#include "topics/scope.h"

namespace sujip {

// One field's value: `number` for integer, decimal units, boolean, date, timestamp; `text` for string
// and json.
struct FieldValue {
  bool present = false;
  int64_t number = 0;
  std::string_view text;
  friend bool operator==(const FieldValue&, const FieldValue&) = default;
};

// Collects the values of one row. Reusable: clear().
class RowBuilder {
 public:
  explicit RowBuilder(const Dataset& dataset);
  RowBuilder(const RowBuilder&) = delete;
  void clear();
  void set_null(int field);
  void set_number(int field, int64_t value);
  void set_text(int field, std::string_view value);  // copied
  // Not copied: the text must live as long as the values are used.
  void set_text_view(int field, std::string_view value);
  bool is_set(int field) const { return values_[static_cast<size_t>(field)].present; }
  FieldValue value(int field) const { return values_[static_cast<size_t>(field)]; }
  // One value per field; valid until the next change of the builder.
  const std::vector<FieldValue>& values() const { return values_; }
  const Dataset& dataset() const { return *dataset_; }
  // Index of the first required field without a value, or -1.
  int first_missing() const;
  // Appends the binary row.
  void encode(std::string& out) const;

 private:
  const Dataset* dataset_;
  std::vector<FieldValue> values_;
  // Copied texts: blocks that never move while the row is being built.
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_size_ = 0;  // of the last block
  size_t used_ = 0;        // in the last block
};

// Appends the binary row of the values, one per field.
void encode_row(const Dataset& dataset, const std::vector<FieldValue>& values, std::string& out);

// Decodes all fields; `out` has one value per field, texts point into `row`. False when damaged.
bool decode_row(const Dataset& dataset, std::string_view row, std::vector<FieldValue>& out);

// The canonical part: equal bytes mean "nothing worth telling changed".
std::string_view canonical_part(std::string_view row);

// True when the rows differ only in fields declared minor (or not at all).
bool differs_only_in_minor(const Dataset& dataset, const std::vector<FieldValue>& a, const std::vector<FieldValue>& b);
// True when the row had a value (not null, 0, "" or "0") in a guarded field and now has none in any.
bool is_zeroed(const Dataset& dataset, const std::vector<FieldValue>& before, const std::vector<FieldValue>& after);

// 128-bit hash of the key fields; collisions are not looked for (2^-128 per pair).
struct KeyHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const KeyHash&, const KeyHash&) = default;
};
KeyHash key_hash(const Dataset& dataset, const std::vector<FieldValue>& row);
KeyHash combined_hash(const Dataset& dataset, const std::vector<int>& fields, const std::vector<FieldValue>& row);
uint64_t scope_hash(std::string_view subject);

// The scope a row belongs to: its scope fields as text.
Scope row_scope(const Dataset& dataset, const std::vector<FieldValue>& row);

void append_varint(std::string& out, uint64_t value);
bool read_varint(std::string_view& in, uint64_t& value);
inline uint64_t zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
inline int64_t unzigzag(uint64_t v) { return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1); }

}  // namespace sujip
