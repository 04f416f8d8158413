#pragma once
// Adds deltas to day, ISO week, month and year totals and emits the absolute rows that changed.
// One partition of delta.rollup; a set of dimensions lives in one partition, so all its periods do.
//
// State: rollup.<dataset> (totals) and distinct.<dataset> (for each set of dimensions, measure and
// value: on which days it occurs how often, so that a distinct count can be taken back exactly).
// Deltas of entities (as-is rollups) become ordinary ones first: as_is.h.

#include <boost/unordered/unordered_flat_map.hpp>
#include <map>
#include <memory>
#include <vector>

#include "processors/rollup/as_is.h"
#include "processors/rollup/delta.h"
#include "processors/store/task_store.h"
#include "processors/task.h"

namespace sujip {

class RollupTask : public Task {
 public:
  RollupTask(int32_t partition, const Datasets& datasets, TaskStore& store);

  void process(const Record& record, Outputs& outputs) override;
  void before_commit(Outputs& outputs) override;
  std::vector<std::string> state_topics() const override;
  Status restore(std::string_view topic, std::string_view key, std::optional<std::string_view> value) override;
  int64_t restored_upto() const override { return restored_upto_; }

 private:
  // One period of a set of dimensions; its sums and distinct counts lie in the group's.
  struct Bucket {
    Period period;
    int32_t start;
    int64_t rows = 0;
  };
  // A set of dimensions touched since the last commit.
  struct Group {
    const RollupShape* shape = nullptr;
    std::string key;  // rollup_key()
    uint64_t prefix = 0;
    std::vector<Bucket> buckets;
    std::vector<Int128> sums;                                                 // shape->sums.size() of each bucket
    std::vector<int64_t> distinct;                                            // shape->distinct_count() of each bucket
    std::map<std::pair<size_t, KeyHash>, std::map<int32_t, int64_t>> values;  // touched distinct values
  };

  // nullptr: the key is not that of a declared rollup.
  Group* touch(std::string_view key);
  // The declared rollup that a key of deltas names behind `marker`; nullptr: none.
  const RollupShape* shape_in(std::string_view key, std::string_view marker) const;
  bool take_entity(const Record& record);                 // false: not deltas of an entity
  size_t bucket(Group& group, Period period, Day start);  // its index
  void add_distinct(Group& group, Day day, const DayDelta::Count& count);
  void emit_group(Group& group, Outputs& outputs);
  void emit_distinct(const Group& group, Outputs& outputs);
  static std::string encode_totals(const Group& group, size_t bucket);
  static bool decode_totals(std::string_view in, Group& group, size_t bucket);
  const std::vector<RollupShape>* shapes_of(std::string_view dataset) const;
  // The totals of a record of rollup.<dataset> and the offset behind the last delta in it; false when they can't be
  // read.
  static bool read_totals(std::string_view key, std::string_view value, Group& out, int64_t& rev);
  static bool parse_totals(std::string_view value, Group& out, int64_t& rev);

  int32_t partition_;
  const Datasets& datasets_;
  TaskStore& store_;
  std::map<std::string, std::vector<RollupShape>, std::less<>> shapes_;
  std::vector<std::unique_ptr<Group>> touched_;  // in the order in which they were
  boost::unordered_flat_map<uint64_t, Group*> group_of_;
  AsIsEntities entities_;
  DayDelta day_;    // of the record being read; kept for its memory
  Group restored_;  // the same, of a total that is read back
  int64_t rev_ = 0;
  int64_t restored_upto_ = 0;
  TimeMs newest_ = 0;
};

}  // namespace sujip
