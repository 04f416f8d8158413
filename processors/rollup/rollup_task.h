#pragma once
// Adds deltas to day, ISO week, month and year totals and emits the absolute rows that changed.
// One partition of delta.rollup; a set of dimensions lives in one partition, so all its periods do.
//
// State: rollup.<dataset> (totals) and distinct.<dataset> (for each set of dimensions, measure and
// value: on which days it occurs how often, so that a distinct count can be taken back exactly).

#include <map>
#include <unordered_map>
#include <vector>

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
  Status restore(std::string_view topic, std::string_view key,
                 std::optional<std::string_view> value) override;

 private:
  struct Totals {
    int64_t rows = 0;
    std::vector<Int128> sums;
    std::vector<int64_t> distinct;
    std::string encode() const;
    static Totals decode(const RollupShape& shape, std::string_view bytes);
  };
  // A set of dimensions touched since the last commit.
  struct Group {
    const RollupShape* shape = nullptr;
    std::string key;  // rollup_key()
    uint64_t prefix = 0;
    std::map<std::pair<Period, int32_t>, Totals> buckets;
    std::map<std::pair<size_t, KeyHash>, std::map<int32_t, int64_t>> values;  // touched distinct values
  };

  Group& touch(const RollupShape& shape, std::string_view key);
  Totals& bucket(Group& group, Period period, Day start);
  void add_distinct(Group& group, Day day, size_t measure, const KeyHash& value, int64_t count);
  void emit_group(Group& group, Outputs& outputs);
  const std::vector<RollupShape>* shapes_of(std::string_view dataset) const;
  Status restore_totals(const RollupShape& shape, std::string_view key_json,
                        std::optional<std::string_view> value);
  Status restore_distinct(std::string_view key, std::optional<std::string_view> value);

  int32_t partition_;
  const Datasets& datasets_;
  TaskStore& store_;
  std::map<std::string, std::vector<RollupShape>, std::less<>> shapes_;
  std::unordered_map<std::string, Group> touched_;
  int64_t rev_ = 0;
  TimeMs newest_ = 0;
};

}  // namespace sujip
