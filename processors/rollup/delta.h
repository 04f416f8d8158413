#pragma once
// Exact differences of totals: what a change adds to and takes from the days it touches. The internal
// payload of delta.rollup.
//
// Record key: JSON {"dataset":..,"grain":..[,"currency":..],<dimensions>}. Record value (binary):
//   varint version=1 | varint days | per day: zigzag day | zigzag rows | per sum: zigzag128 |
//   per distinct measure: varint n | n times: 16 bytes hash, zigzag count

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/decimal.h"
#include "processors/task.h"
#include "topics/dataset.h"
#include "topics/row.h"

namespace sujip {

struct KeyHashHash {
  size_t operator()(const KeyHash& k) const { return k.low; }
};

struct DayDelta {
  int64_t rows = 0;
  std::vector<Int128> sums;  // one per sum measure, in declared order
  std::vector<std::unordered_map<KeyHash, int64_t, KeyHashHash>> distinct;  // see RollupShape
  bool is_zero() const;
};

// How the measures of one grain lie in a DayDelta. Pure function of the declaration.
struct RollupShape {
  const Dataset* dataset = nullptr;
  const RollupSet* set = nullptr;
  std::vector<int> sums;       // indexes into dataset->measures
  std::vector<int> distinct;   // indexes into dataset->measures
  bool accounts = false;       // one more distinct: the accounts; false when the grain has one by itself
  std::vector<int> key_fields;  // currency (if declared) and dimensions: field indexes
  size_t distinct_count() const { return distinct.size() + (accounts ? 1 : 0); }
};
std::vector<RollupShape> rollup_shapes(const Dataset& dataset);
const RollupShape* find_shape(const std::vector<RollupShape>& shapes, std::string_view grain);

// Key of a delta record, and the part of a rollup row's key that does not depend on the period.
std::string rollup_key(const RollupShape& shape, const std::vector<FieldValue>& row);

std::string encode_deltas(const std::map<int32_t, DayDelta>& days);
// False when damaged.
bool decode_deltas(const RollupShape& shape, std::string_view bytes, std::map<int32_t, DayDelta>& out);

void append_zigzag128(std::string& out, Int128 value);
bool read_zigzag128(std::string_view& in, Int128& value);

// Combines the contributions of rows until they are taken.
class DeltaCollector {
 public:
  explicit DeltaCollector(const Dataset& dataset);
  // Adds (sign 1) or takes away (sign -1) what a row contributes.
  void add(const std::vector<FieldValue>& row, int sign);
  // Emits one record per set of dimensions, those that came to nothing left out, and starts afresh.
  void emit(Outputs& outputs);
  bool empty() const { return groups_.empty(); }

 private:
  struct Group {
    std::string key;
    std::map<int32_t, DayDelta> days;
  };
  const Dataset* dataset_;
  std::vector<RollupShape> shapes_;
  std::unordered_map<KeyHash, Group, KeyHashHash> groups_;
};

}  // namespace sujip
