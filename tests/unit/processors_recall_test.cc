// Runs that were under way when a process ended: their rows are read again, and no more of the log than must be.
// That the result is right at any moment of a crash is what the random histories show.

#include <gtest/gtest.h>

#include "tests/unit/support/sales.h"
#include "tests/unit/support/temp_dir.h"
#include "topics/catalogue.h"

namespace sujip::testing {
namespace {

constexpr const char* kCatalog = "raw.catalog";

class Recall : public ::testing::Test {
 protected:
  RunWriter run(Pipeline& pipeline, const std::string& account, int n = 1) {
    return {pipeline, sales_datasets(), "shop/" + account + "/listing", RunId{1294200000000 + n * 60000, n}};
  }
  void rows(RunWriter& run, const std::string& account, int count) {
    for (int i = 0; i < count; ++i) {
      Sale row;
      row.account = account;
      row.order_no = std::to_string(i);
      row.amount = 1000 + i;
      row.day = Day::parse("2011-01-03");
      run.row(row.key_json(false), row.json());
    }
  }
  void whole(Pipeline& pipeline, const std::string& account, int count, int n = 1) {
    RunWriter one = run(pipeline, account, n);
    one.begin();
    rows(one, account, count);
    one.end();
  }
  template <class F>
  void each_raw(F f) {
    for (auto& slot : pipeline_.slots())
      if (slot->topic() == kCatalog) f(*slot);
  }
  void crash(bool keep_disk) {
    each_raw([&](Slot& slot) {
      if (keep_disk) slot.checkpoint();
      slot.crash(false, keep_disk, false);
    });
  }
  static std::map<std::string, std::string> table(Pipeline& pipeline) {
    std::map<std::string, std::string> out;
    EXPECT_EQ(fold_changes(pipeline.topics(), *sales_datasets().find("listing"), out), "");
    return out;
  }

  TempDir folder_;
  std::unique_ptr<Store> disk_ = [&] {
    auto opened = Store::open(folder_.path(), "cluster");
    if (!opened) throw std::runtime_error(opened.error().message());
    return *std::move(opened);
  }();
  Pipeline pipeline_{sales_datasets(), sales_normalizers(), {disk_.get(), "recall"}};
  // The same without a crash.
  Pipeline calm_{sales_datasets(), sales_normalizers()};
};

TEST_F(Recall, OneReadingOfAPartitionServesAllRunsUnderWay) {
  for (const bool keep_disk : {true, false}) {
    SCOPED_TRACE(keep_disk);
    const int n = keep_disk ? 1 : 2;
    std::vector<RunWriter> open;
    std::vector<std::string> accounts;
    for (int a = 0; a < 12; ++a) {
      accounts.push_back("a" + std::to_string(a));
      open.push_back(run(pipeline_, accounts.back(), n));
      open.back().begin();
      rows(open.back(), accounts.back(), 40 + n);
    }
    pipeline_.settle();
    crash(keep_disk);
    std::vector<int64_t> before;
    each_raw([&](Slot& slot) { before.push_back(slot.input().readings()); });
    for (RunWriter& one : open) one.end();
    pipeline_.settle();
    size_t p = 0;
    each_raw([&](Slot& slot) { EXPECT_EQ(slot.input().readings() - before[p++], 1); });
    for (const std::string& account : accounts) whole(calm_, account, 40 + n, n);
    calm_.settle();
    EXPECT_EQ(table(pipeline_).size(), 12U * static_cast<size_t>(40 + n));
    EXPECT_EQ(table(pipeline_), table(calm_));
  }
}

TEST_F(Recall, ARunThatNeverEndsDoesNotHaveTheWholeLogRead) {
  RunWriter lost = run(pipeline_, "lost");
  lost.begin();
  rows(lost, "lost", 10);
  Stored stray;  // of a run that never began: nobody takes it
  stray.value = "{}";
  stray.meta = Stored::Meta{"listing", RecordKind::row, "shop/stray/listing", RunId{1294200000000, 9}.str()};
  for (int32_t p = 0; p < Topics::kPartitions; ++p)
    for (int i = 0; i < 21'000; ++i) pipeline_.append(kCatalog, p, stray);
  RunWriter open = run(pipeline_, "open");
  open.begin();
  rows(open, "open", 30);
  pipeline_.settle();
  crash(true);
  open.end();
  pipeline_.settle();
  each_raw([](Slot& slot) {
    EXPECT_EQ(slot.input().readings(), 1);
    EXPECT_LT(slot.input().records(), 1000);
  });
  EXPECT_EQ(table(pipeline_).size(), 30U);
  // It is found when its turn comes.
  lost.end();
  pipeline_.settle();
  EXPECT_EQ(table(pipeline_).size(), 40U);
}

TEST_F(Recall, StateTellsOfWhichInputItIs) {
  whole(pipeline_, "a", 60);
  pipeline_.settle();
  int rollups = 0;
  for (auto& slot : pipeline_.slots()) {
    slot->crash(false, false, true);
    EXPECT_LE(slot->restored_upto(), slot->committed());
    // Changes are made at the verdict, the last record there is.
    if (slot->topic() == kCatalog) {
      EXPECT_EQ(slot->restored_upto(), slot->committed());
    }
    if (slot->topic() == topics::kDeltaRollup && slot->restored_upto() > 0) ++rollups;
  }
  EXPECT_GT(rollups, 0);
}

TEST_F(Recall, NoMoreRowsAreKeptThanThereIsMemoryFor) {
  constexpr size_t kLimit = 16 << 10;
  Pipeline small{sales_datasets(), sales_normalizers(), {disk_.get(), "small", kLimit}};
  std::vector<RunWriter> open;
  for (int a = 0; a < 8; ++a) {
    const std::string account = "a" + std::to_string(a);
    open.push_back(run(small, account));
    open.back().begin();
    rows(open.back(), account, 500);
    whole(calm_, account, 500);
  }
  small.settle();
  for (auto& slot : small.slots()) slot->crash(false, false, false);
  for (RunWriter& one : open) one.end();
  small.settle();
  calm_.settle();
  EXPECT_EQ(table(small), table(calm_));
  // Rows of a few runs fit: the others are read again.
  for (auto& slot : small.slots()) {
    if (slot->topic() != kCatalog) continue;
    EXPECT_GT(slot->input().readings(), 2);
  }
}

}  // namespace
}  // namespace sujip::testing
