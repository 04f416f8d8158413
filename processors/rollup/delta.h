#pragma once
// Exact differences of totals: what a change adds to and takes from the days it touches. The internal
// payload of delta.rollup.
//
// Record key: JSON {"dataset":..,"grain":..[,"currency":..],<dimensions>}. Record value (binary):
//   varint version=1 | varint days | per day: zigzag day | zigzag rows | per sum: zigzag128 |
//   per distinct measure: varint n | n times: 16 bytes hash, zigzag count
// Those of as-is rollups come by entity first: as_is_delta.h.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/decimal.h"
#include "processors/task.h"
#include "topics/dataset.h"
#include "topics/row.h"

namespace sujip {

struct KeyHashHash {
  size_t operator()(const KeyHash& k) const { return k.low; }
};

// How the measures of one grain lie in a DayDelta. Pure function of the declaration.
struct RollupShape {
  const Dataset* dataset = nullptr;
  const RollupSet* set = nullptr;
  std::vector<int> sums;         // indexes into dataset->measures
  std::vector<int> distinct;     // indexes into dataset->measures
  bool accounts = false;         // one more distinct: the accounts; false when the grain has one by itself
  std::vector<int> key_fields;   // currency (if declared) and dimensions: field indexes
  std::vector<int> cell_fields;  // what tells deltas apart: key_fields, and the entity of as-is rollups
  std::vector<std::string> sum_names, distinct_names;  // `,"name":` of each, for writing rows
  size_t distinct_count() const { return distinct.size() + (accounts ? 1 : 0); }
};
std::vector<RollupShape> rollup_shapes(const Dataset& dataset);
const RollupShape* find_shape(const std::vector<RollupShape>& shapes, std::string_view grain);

// Key of a delta record, and the part of a rollup row's key that does not depend on the period.
std::string rollup_key(const RollupShape& shape, const std::vector<FieldValue>& row);

// One day of a delta record.
struct DayDelta {
  int32_t day = 0;
  int64_t rows = 0;
  std::vector<Int128> sums;  // one per sum measure, in declared order
  struct Count {
    size_t measure = 0;  // see RollupShape
    KeyHash value;
    int64_t count = 0;
    friend auto operator<=>(const Count&, const Count&) = default;
  };
  std::vector<Count> distinct;  // sorted
};

// The value of a delta record: its days, the first `count` of `days`.
std::string encode_deltas(const RollupShape& shape, const std::vector<DayDelta>& days, size_t count);

// Reads the days of a delta record one after the other.
class DeltaReader {
 public:
  DeltaReader(const RollupShape& shape, std::string_view bytes);
  // False at the end, or when damaged: ok() tells.
  bool next(DayDelta& out);
  bool ok() const { return !damaged_ && left_ == 0 && in_.empty(); }

 private:
  const RollupShape& shape_;
  std::string_view in_;
  uint64_t left_ = 0;
  bool damaged_ = false;
};

void append_zigzag128(std::string& out, Int128 value);
bool read_zigzag128(std::string_view& in, Int128& value);

// Combines the contributions of rows until they are taken.
class DeltaCollector {
 public:
  explicit DeltaCollector(const Dataset& dataset);
  // A row came, went, or became another one; one of the two may be null.
  void change(const std::vector<FieldValue>* before, const std::vector<FieldValue>* after);
  // Emits one record per set of dimensions, what came to nothing left out, and starts afresh.
  void emit(Outputs& outputs);
  bool empty() const { return cells_.empty(); }

 private:
  using Distinct = boost::unordered_flat_map<KeyHash, int64_t, KeyHashHash>;
  struct Group {
    const RollupShape* shape;
    std::string key;   // of the record
    std::string said;  // as-is: what stands before the days
  };
  // One day of one set of dimensions; its sums lie in sums_, its distinct values in distinct_.
  struct Cell {
    uint32_t group;
    int32_t day;
    int64_t rows = 0;
    size_t sums_at = 0;
    size_t distinct_at = 0;
  };
  // The cell of the last row. Rows of a scope come together, and share the cell of every grain whose dimensions follow
  // from it.
  struct Recent {
    bool of_scope = false;  // whether they do
    bool valid = false;
    uint32_t cell = 0;
    int32_t day = 0;
    std::vector<FieldValue> values;  // of the fields that tell cells apart; their texts lie in `texts`
    std::string texts;
  };
  struct CellHash {
    size_t operator()(const std::pair<KeyHash, int32_t>& k) const {
      return k.first.low ^ (static_cast<uint64_t>(static_cast<uint32_t>(k.second)) * 0x9e3779b97f4a7c15ULL);
    }
  };

  Cell& cell(size_t shape, const std::vector<FieldValue>& row, int32_t day);
  uint32_t find_cell(size_t shape, const std::vector<FieldValue>& row, int32_t day);
  void add(size_t shape, const std::vector<FieldValue>& row, int32_t day, int sign);
  bool same_cell(const RollupShape& shape, const std::vector<FieldValue>& a, const std::vector<FieldValue>& b) const;
  bool is_zero(const Cell& cell) const;
  void fill(const Cell& cell, DayDelta& out) const;

  const Dataset* dataset_;
  std::vector<RollupShape> shapes_;
  std::vector<int> account_fields_;
  std::vector<Recent> recent_;  // by shape
  std::vector<Group> groups_;
  boost::unordered_flat_map<KeyHash, uint32_t, KeyHashHash> group_of_;
  std::vector<Cell> cells_;
  boost::unordered_flat_map<std::pair<KeyHash, int32_t>, uint32_t, CellHash> cell_of_;
  std::vector<Int128> sums_;
  std::vector<Distinct> distinct_;
  std::vector<DayDelta> days_;  // of the record being written; kept for its memory
};

}  // namespace sujip
