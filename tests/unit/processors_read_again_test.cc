// The raw log read again from its beginning, by processors that know nothing: after a restore, a reset. It
// holds the verdicts of its first reading, and partitions are read at any pace. Random histories of it are
// in processors_history_test.cc.

#include <gtest/gtest.h>

#include "tests/unit/support/sales.h"

namespace sujip::testing {
namespace {

constexpr const char* kShop = "shop/a/listing";
constexpr const char* kRaw = "raw.catalog";
const Guard kGuard{0.5, 0.5, 4};

RunId run_id(int n) { return {1294200000000 + n * 60000, n}; }

std::string verdict_of(const Stored& record) {
  if (!record.meta || record.meta->kind != RecordKind::verdict) return "";
  const auto verdict = decode_verdict(*record.value);
  return verdict.ok() ? verdict->run.str() + encode(*verdict) : "damaged";
}

class ReadAgain : public ::testing::Test {
 protected:
  RunWriter run(int n) {
    RunWriter out(first_, sales_datasets(), kShop, run_id(n), kGuard);
    return out;
  }
  void whole(int n, int first, int last) {
    RunWriter out = run(n);
    out.begin();
    for (int i = first; i <= last; ++i) {
      Sale row;
      row.order_no = std::to_string(i);
      row.amount = 10000;
      out.row(row.key_json(false), row.json());
    }
    out.end("hash" + std::to_string(n));
    first_.settle();
  }
  // The raw log as it stands, less the last `cut` records of each partition >= `from`.
  void copy(Pipeline& to, int32_t from = Topics::kPartitions, size_t cut = 0) {
    for (int32_t p = 0; p < Topics::kPartitions; ++p) {
      Log log = first_.topics().log(kRaw, p);
      if (p >= from) log.resize(log.size() - cut);
      to.topics().log(kRaw, p) = std::move(log);
    }
  }
  // One partition after the other, the coordinator after each: it hears everything of the first before the
  // others have begun.
  static void one_by_one(Pipeline& pipeline) {
    const auto turn = [](Slot& slot) {
      slot.process(INT64_MAX);
      slot.commit();
    };
    for (auto& slot : pipeline.slots()) {
      if (slot->topic() != kRaw) continue;
      turn(*slot);
      for (auto& other : pipeline.slots())
        if (other->topic() == topics::kScopeTally) turn(*other);
    }
    pipeline.settle();
  }
  static std::map<std::string, std::string> table(Pipeline& pipeline) {
    std::map<std::string, std::string> out;
    EXPECT_EQ(fold_changes(pipeline.topics(), *sales_datasets().find("listing"), out), "");
    return out;
  }
  static std::map<std::string, std::string> runs(Pipeline& pipeline) {
    std::map<std::string, std::string> out;
    for (const auto& [key, r] : fold_runs(pipeline.topics())) out[key] = encode(r);
    return out;
  }
  std::string outcome(Pipeline& pipeline, int n) {
    return std::string(name_of(fold_runs(pipeline.topics())[std::string(kShop) + "\n" + run_id(n).str()].outcome));
  }
  void expect_same(Pipeline& second) {
    EXPECT_EQ(table(second), table(first_));
    EXPECT_EQ(runs(second), runs(first_));
  }

  Pipeline first_{sales_datasets(), sales_normalizers()};
  Pipeline second_{sales_datasets(), sales_normalizers()};
};

TEST_F(ReadAgain, AReleasedRunIsNotRejectedByWhatOnePartitionSaysBeforeTheOthers) {
  whole(1, 1, 40);
  whole(2, 1, 5);
  ASSERT_EQ(outcome(first_, 2), "held");
  run(2).verdict(Decision::release);
  first_.settle();
  ASSERT_EQ(outcome(first_, 2), "released");
  copy(second_);
  one_by_one(second_);
  expect_same(second_);
  // What was written again says what was said before.
  for (int32_t p = 0; p < Topics::kPartitions; ++p) {
    std::set<std::string> said;
    const size_t before = first_.topics().log(kRaw, p).size();
    const Log& log = second_.topics().log(kRaw, p);
    for (size_t i = 0; i < log.size(); ++i) {
      const std::string verdict = verdict_of(log[i]);
      if (i < before) said.insert(verdict);
      EXPECT_TRUE(said.contains(verdict)) << p << ": " << verdict;
    }
  }
}

TEST_F(ReadAgain, ARunThatWasOvertakenKeepsTheReasonWhyItWasHeld) {
  whole(1, 1, 40);
  whole(2, 1, 5);
  whole(3, 1, 39);
  ASSERT_EQ(outcome(first_, 2), "overtaken");
  const std::string reason = fold_runs(first_.topics())[std::string(kShop) + "\n" + run_id(2).str()].reason;
  EXPECT_EQ(reason, "35 of 40 rows would be deleted; run " + run_id(3).str() + " was accepted");
  copy(second_);
  one_by_one(second_);
  expect_same(second_);
}

TEST_F(ReadAgain, AHeldRunStaysHeldAndCanBeReleased) {
  whole(1, 1, 40);
  whole(2, 1, 5);
  copy(second_);
  one_by_one(second_);
  expect_same(second_);
  RunWriter(second_, sales_datasets(), kShop, run_id(2), kGuard).verdict(Decision::release);
  second_.settle();
  EXPECT_EQ(outcome(second_, 2), "released");
  EXPECT_EQ(table(second_).size(), 5U);
}

// The coordinator speaks of runs that wait for it; a rejection of its that is read late is not a person's.
TEST_F(ReadAgain, TheCoordinatorDoesNotRejectWhatIsHeldForAPerson) {
  whole(1, 1, 40);
  whole(2, 1, 5);
  run(2).verdict(Decision::reject, std::string(kByCoordinator));
  first_.settle();
  EXPECT_EQ(outcome(first_, 2), "held");
}

TEST_F(ReadAgain, AVerdictThatWasCutOffReachesAllPartitions) {
  whole(1, 1, 40);
  whole(2, 2, 40);
  for (const bool orderly : {true, false}) {
    // The archive has the verdict of run 2 in the first three partitions only.
    Pipeline second(sales_datasets(), sales_normalizers());
    copy(second, 3, 1);
    if (orderly) one_by_one(second);
    second.settle();
    expect_same(second);
  }
}

TEST_F(ReadAgain, APersonsVerdictThatWasCutOffReachesAllPartitions) {
  whole(1, 1, 40);
  whole(2, 1, 5);
  run(2).verdict(Decision::release);
  // As it is when whoever wrote it was killed on the way.
  copy(second_, 3, 1);
  Pipeline third(sales_datasets(), sales_normalizers());
  copy(third, 3, 1);
  first_.settle();
  ASSERT_EQ(outcome(first_, 2), "released");
  second_.settle();
  expect_same(second_);
  one_by_one(third);
  expect_same(third);
}

// `same` that waits behind another run is read again after a restart.
TEST_F(ReadAgain, SameKnowsItsPartitionsAfterARestart) {
  whole(1, 1, 40);
  whole(2, 1, 5);
  RunWriter waiting = run(3);
  waiting.begin();
  first_.settle();
  RunWriter(first_, sales_datasets(), kShop, run_id(4), std::nullopt, false).same(40, "hash1");
  first_.settle();
  const ScopeRun before = fold_runs(first_.topics())[std::string(kShop) + "\n" + run_id(4).str()];
  copy(second_);
  for (auto& slot : second_.slots()) {
    if (slot->topic() != kRaw) continue;
    // One record at a time, and dead after each: whatever waits is read again.
    while (slot->has_input()) {
      slot->process(1);
      slot->commit();
      slot->crash(false, false, true);
    }
  }
  second_.settle();
  const ScopeRun after = fold_runs(second_.topics())[std::string(kShop) + "\n" + run_id(4).str()];
  EXPECT_EQ(encode(after), encode(before));
  for (const auto& [partition, tally] : after.tallies) EXPECT_EQ(tally.partitions, Topics::kPartitions);
}

}  // namespace
}  // namespace sujip::testing
