#pragma once
// As-is rollups: all rows of an entity count under the dimensions that its latest row says.
//
// Deltas come here by entity (as_is_delta.h). Kept of each entity: its days, apart by what their rows said.
// The value that rules is that of the latest day that has rows: of several the one that most of these rows
// say, then the one that sorts last as JSON text, null before all. That is a function of the rows that
// are there, so it does not matter in which order they came. What follows for the totals leaves as ordinary
// deltas, a second time through delta.rollup; when another value rules, for all days of the entity.
//
// State: asis.<dataset>; a record for each entity, what was said, and day. Key: placed_key.h. Value: what was
// said, then the one day as in delta.h.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "processors/rollup/as_is_delta.h"
#include "processors/store/task_store.h"
#include "processors/task.h"

namespace sujip {

class AsIsEntities {
 public:
  static constexpr uint8_t kSpace = 3;  // of the rollup task's store

  // `store` must outlive it.
  AsIsEntities(int32_t partition, TaskStore& store) : partition_(partition), store_(store) {}

  // Takes the deltas of an entity; false, and nothing is taken, when they are damaged. The shape must be
  // that of the record's grain, and outlive the next emit().
  bool add(const RollupShape& shape, std::string_view key, std::string_view value);
  // Writes the state and the deltas that follow from what came since the last call.
  void emit(Outputs& outputs);

 private:
  struct Total {
    int64_t rows = 0;
    std::vector<Int128> sums;
    std::map<std::pair<size_t, KeyHash>, int64_t> distinct;
    void add(const DayDelta& delta, int sign);
    bool is_zero() const;
    DayDelta delta(int32_t day) const;
  };
  struct Change {  // of one day, under what its rows said
    std::string said;
    Total total;
  };
  struct Entity {
    const RollupShape* shape = nullptr;
    std::map<KeyHash, Change> changes;  // by place
  };
  struct Target {
    const RollupShape* shape = nullptr;
    std::map<int32_t, Total> days;
  };
  using Ruling = std::vector<std::string>;  // JSON of the moving fields

  void settle(uint64_t prefix, const Entity& entity, Outputs& outputs);
  void save(uint64_t prefix, Block& block, const Entity& entity, Outputs& outputs);
  std::optional<Ruling> ruling(const RollupShape& shape, const Block& block);
  // All days of the entity, to the totals of a ruling or away from them.
  void move_all(const RollupShape& shape, const Block& block, const Ruling& to, int sign);
  void move(const RollupShape& shape, std::string_view said, const Ruling& to, const DayDelta& day, int sign);
  // Reads a row of the block: what was said, and the day into day_.
  std::string_view read(const RollupShape& shape, std::string_view row);
  void emit_target(const std::string& key, const Target& target, Outputs& outputs) const;

  int32_t partition_;
  TaskStore& store_;
  std::map<uint64_t, Entity> entities_;    // touched since the last emit(), by prefix
  std::map<std::string, Target> targets_;  // by key of their deltas
  DayDelta day_;                           // of the record or row being read; kept for its memory
  std::vector<std::string_view> values_;   // the same
};

}  // namespace sujip
