// What becomes of runs that are not simply accepted: one test per sentence of the design.

#include <gtest/gtest.h>

#include "processors/entity/snapshot.h"
#include "tests/unit/support/sales.h"

namespace sujip::testing {
namespace {

constexpr const char* kDay = "shop/a/sale/2011-01-05";

RunId run_id(int n) { return {1294200000000 + n * 60000, n}; }

Sale sale(int order, int64_t amount = 10000) {
  Sale s;
  s.day = Day::parse("2011-01-05");
  s.order_no = std::to_string(order);
  s.amount = amount;
  return s;
}

class Guards : public ::testing::Test {
 protected:
  RunWriter run(int n, std::optional<Guard> guard = std::nullopt, bool accept_empty = false) {
    RunWriter out(pipeline_, sales_datasets(), kDay, run_id(n), guard, accept_empty);
    return out;
  }
  // A whole run with orders first..last.
  void whole(int n, int first, int last, std::optional<Guard> guard = std::nullopt, int64_t amount = 10000) {
    RunWriter out = run(n, guard);
    out.begin();
    for (int i = first; i <= last; ++i) add(out, sale(i, amount));
    out.end("hash" + std::to_string(n));
    pipeline_.settle();
  }
  static void add(RunWriter& out, const Sale& row) { out.row(row.key_json(true), row.json()); }
  size_t rows() {
    std::map<std::string, std::string> table;
    EXPECT_EQ(fold_changes(pipeline_.topics(), *sales_datasets().find("sale"), table), "");
    return table.size();
  }
  ScopeRun of(int n) {
    const auto runs = fold_runs(pipeline_.topics());
    const auto at = runs.find(std::string(kDay) + "\n" + run_id(n).str());
    return at == runs.end() ? ScopeRun{} : at->second;
  }
  std::string outcome(int n) { return std::string(name_of(of(n).outcome)); }
  size_t changes() {
    size_t out = 0;
    for (const Log& log : pipeline_.topics().all("change.sale")) out += log.size();
    return out;
  }

  Pipeline pipeline_{sales_datasets(), sales_normalizers()};
};

const Guard kGuard{0.5, 0.5, 4};

TEST_F(Guards, ARunThatSaysTheSameTellsNothing) {
  whole(1, 1, 5);
  const size_t before = changes();
  whole(2, 1, 5);
  EXPECT_EQ(changes(), before);
  EXPECT_EQ(outcome(2), "accepted");
  EXPECT_EQ(of(2).counts().same, 5);
}

TEST_F(Guards, TooManyDeletesAreHeldUntilAPersonReleasesThem) {
  whole(1, 1, 10);
  whole(2, 1, 4, kGuard);
  EXPECT_EQ(outcome(2), "held");
  EXPECT_EQ(of(2).counts().deleted, 6);
  EXPECT_EQ(of(2).reason, "6 of 10 rows would be deleted");
  EXPECT_EQ(rows(), 10U);
  pipeline_.restart(false, true);
  run(2).verdict(Decision::release);
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "released");
  EXPECT_EQ(of(2).by, "user:kim");
  EXPECT_EQ(rows(), 4U);
  run(2).verdict(Decision::release);  // said twice
  pipeline_.settle();
  EXPECT_EQ(rows(), 4U);
}

TEST_F(Guards, ARejectedRunLeavesTheRowsAndKeepsItsCounts) {
  whole(1, 1, 10);
  whole(2, 1, 4, kGuard);
  run(2).verdict(Decision::reject);
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "rejected");
  EXPECT_EQ(of(2).counts().deleted, 6);
  EXPECT_EQ(rows(), 10U);
  run(2).verdict(Decision::release);  // too late
  pipeline_.settle();
  EXPECT_EQ(rows(), 10U);
}

TEST_F(Guards, ANewerAcceptedRunOvertakesTheHeldOne) {
  whole(1, 1, 10);
  whole(2, 1, 4, kGuard);
  whole(3, 1, 9, kGuard);
  EXPECT_EQ(outcome(2), "overtaken");
  EXPECT_EQ(outcome(3), "accepted");
  run(2).verdict(Decision::release);
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "overtaken");
  EXPECT_EQ(rows(), 9U);
}

TEST_F(Guards, HalfIsNotMoreThanHalfAndSmallScopesAreNotGuarded) {
  whole(1, 1, 10);
  whole(2, 1, 5, kGuard);
  EXPECT_EQ(outcome(2), "accepted");
  whole(3, 1, 3, kGuard);
  whole(4, 9, 9, kGuard);  // 3 rows before: below min_rows
  EXPECT_EQ(outcome(4), "accepted");
  EXPECT_EQ(rows(), 1U);
}

TEST_F(Guards, PricesThatVanishAreHeldToo) {
  whole(1, 1, 10);
  whole(2, 1, 10, kGuard, 0);
  EXPECT_EQ(outcome(2), "held");
  EXPECT_EQ(of(2).counts().zeroed, 10);
  EXPECT_EQ(of(2).reason, "10 of 10 rows would lose a guarded value");
}

TEST_F(Guards, AnEmptyRunIsHeldUnlessProvenRight) {
  whole(1, 1, 10);
  run(2).begin().end();
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "held");
  EXPECT_EQ(rows(), 10U);
  run(3, std::nullopt, true).begin().end();
  pipeline_.settle();
  EXPECT_EQ(outcome(3), "accepted");
  EXPECT_EQ(rows(), 0U);
  EXPECT_TRUE(fold_rollups(pipeline_.topics(), *sales_datasets().find("sale")).empty());
}

TEST_F(Guards, ARunWithUnusableRowsDeletesNothing) {
  whole(1, 1, 3);
  RunWriter out = run(2);
  out.begin();
  add(out, sale(1, 20000));
  out.row("x", "{\"quantity\":\"many\"}").row("y", "not JSON").end("hash2");
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "partial");
  EXPECT_EQ(of(2).counts().updated, 1);
  EXPECT_EQ(of(2).counts().deleted, 0);
  EXPECT_EQ(of(2).counts().rejected, 2);
  EXPECT_EQ(rows(), 3U);
  // Nothing is "the same" as a run that was not whole.
  run(3).same(3, "hash2");
  pipeline_.settle();
  EXPECT_EQ(outcome(3), "incomplete");
}

TEST_F(Guards, ARowOfAnotherScopeIsRefused) {
  whole(1, 1, 3);
  Sale tomorrow = sale(4);
  tomorrow.day = Day::parse("2011-01-06");
  RunWriter out = run(2);
  out.begin();
  for (int i = 1; i <= 3; ++i) add(out, sale(i));
  add(out, tomorrow);
  out.end();
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "partial");
  EXPECT_EQ(of(2).counts().rejected, 1);
  EXPECT_EQ(rows(), 3U);
  std::string told;
  for (const Log& log : pipeline_.topics().all("dead.letter"))
    for (const Stored& letter : log) told += *letter.value;
  EXPECT_NE(told.find("field day: '2011-01-06' is not that of the scope, '2011-01-05'"), std::string::npos) << told;
}

// Takes every record but those that call themselves a total.
class WithoutTotals : public Normalizers {
 public:
  class Skipping : public Normalizer {
   public:
    Outcome apply(std::string_view value, std::string_view key, const Scope& scope, RowBuilder& row,
                  std::string& reason) const override {
      if (value.find("\"total\"") != value.npos) return Outcome::skipped;
      return inner->apply(value, key, scope, row, reason);
    }
    const Normalizer* inner = nullptr;
  };
  WithoutTotals() { skipping_.inner = sales_normalizers().find("shop", "sale"); }
  const Normalizer* find(std::string_view, std::string_view) const override { return &skipping_; }
  const Normalizer& identity(const Dataset& dataset) const override { return sales_normalizers().identity(dataset); }

 private:
  Skipping skipping_;
};

TEST(Skipping, ASkippedRecordCountsAsSentAndIsNoRow) {
  const WithoutTotals normalizers;
  Pipeline pipeline(sales_datasets(), normalizers);
  RunWriter out(pipeline, sales_datasets(), kDay, run_id(1), std::nullopt, false);
  out.begin();
  for (int i = 1; i <= 3; ++i) out.row(sale(i).key_json(true), sale(i).json());
  out.row("x", R"({"kind":"total"})").end();
  pipeline.settle();
  const ScopeRun run = fold_runs(pipeline.topics()).at(std::string(kDay) + "\n" + run_id(1).str());
  EXPECT_EQ(name_of(run.outcome), "accepted");
  EXPECT_EQ(run.counts().rows, 4);
  EXPECT_EQ(run.counts().created, 3);
  EXPECT_EQ(run.counts().rejected, 0);
}

TEST_F(Guards, ReleasingARunWithUnusableRowsDeletesNothingEither) {
  whole(1, 1, 10);
  RunWriter out = run(2, kGuard);
  out.begin();
  add(out, sale(1));
  out.row("x", "not JSON").end();
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "held");
  run(2).verdict(Decision::release);
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "released");
  EXPECT_EQ(of(2).counts().deleted, 0);
  EXPECT_EQ(rows(), 10U);
}

TEST_F(Guards, MostlyUnusableRowsAreABrokenMapping) {
  whole(1, 1, 3);
  RunWriter out = run(2);
  out.begin();
  for (int i = 0; i < 10; ++i) out.row("x" + std::to_string(i), "{}");
  add(out, sale(1, 5));
  out.end();
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "incomplete");
  EXPECT_EQ(rows(), 3U);
}

TEST_F(Guards, FewerOrMoreRowsThanWereSentIsNoRun) {
  whole(1, 1, 3);
  RunWriter fewer = run(2);
  fewer.begin();
  add(fewer, sale(1));
  fewer.end("", 1);
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "incomplete");
  EXPECT_EQ(of(2).reason, "1 rows came, 2 were sent");
  RunWriter more = run(3);
  more.begin();
  add(more, sale(1));
  more.end("", -1);
  pipeline_.settle();
  EXPECT_EQ(outcome(3), "incomplete");
  EXPECT_EQ(rows(), 3U);
}

TEST_F(Guards, AnOlderRunIsIgnoredAndTold) {
  whole(5, 1, 3);
  whole(4, 1, 9);
  EXPECT_EQ(outcome(4), "old");
  EXPECT_EQ(rows(), 3U);
}

TEST_F(Guards, AnAcceptedRunThatIsSentAgainStaysAccepted) {
  whole(1, 1, 3);
  whole(1, 1, 3);
  EXPECT_EQ(outcome(1), "accepted");
  whole(2, 1, 4);
  whole(1, 1, 3);
  EXPECT_EQ(outcome(1), "accepted");
  EXPECT_EQ(rows(), 4U);
}

TEST_F(Guards, ARunWithoutItsEndIsThrownAwayWhenTheNextOneBegins) {
  whole(1, 1, 3);
  RunWriter crashed = run(2);
  crashed.begin();
  add(crashed, sale(7));
  whole(3, 1, 2);
  EXPECT_EQ(outcome(2), "incomplete");
  EXPECT_EQ(outcome(3), "accepted");
  crashed.end();
  pipeline_.settle();
  EXPECT_EQ(rows(), 2U);
}

TEST_F(Guards, SameOvertakesARunWithoutItsEnd) {
  whole(1, 1, 3);
  RunWriter crashed = run(2);
  crashed.begin();
  add(crashed, sale(7));
  run(3).same(3, "hash1");
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "incomplete");
  EXPECT_EQ(outcome(3), "same");
  EXPECT_EQ(of(3).counts().same, 3);
}

TEST_F(Guards, DuplicateKeysTheLastOneCounts) {
  RunWriter out = run(1);
  out.begin();
  add(out, sale(1, 10000));
  add(out, sale(1, 30000));
  out.end();
  pipeline_.settle();
  EXPECT_EQ(of(1).counts().duplicates, 1);
  std::map<std::string, std::string> table;
  ASSERT_EQ(fold_changes(pipeline_.topics(), *sales_datasets().find("sale"), table), "");
  EXPECT_EQ(table.begin()->second, sale(1, 30000).json());
}

TEST_F(Guards, ChangesOfMinorFieldsAreCountedApart) {
  whole(1, 1, 2);
  RunWriter out = run(2);
  out.begin();
  Sale renamed = sale(1);
  renamed.title = "new";
  add(out, renamed);
  Sale seen = sale(2);
  seen.seen = 99;
  add(out, seen);
  out.end();
  pipeline_.settle();
  EXPECT_EQ(of(2).counts().minor, 1);
  EXPECT_EQ(of(2).counts().updated, 0);
  EXPECT_EQ(of(2).counts().same, 1);
}

// ---- spread over partitions ---------------------------------------------------------------------

class Spread : public ::testing::Test {
 protected:
  RunWriter run(int n) { return {pipeline_, sales_datasets(), "shop/a/listing", run_id(n), kGuard}; }
  void add(RunWriter& out, int first, int last) {
    for (int i = first; i <= last; ++i) out.row(sale(i).key_json(false), sale(i).json());
  }
  void whole(int n, int first, int last) {
    RunWriter out = run(n);
    out.begin();
    add(out, first, last);
    out.end("hash" + std::to_string(n));
    pipeline_.settle();
  }
  ScopeRun of(int n) { return fold_runs(pipeline_.topics())["shop/a/listing\n" + run_id(n).str()]; }
  std::string outcome(int n) { return std::string(name_of(of(n).outcome)); }
  size_t rows() {
    std::map<std::string, std::string> table;
    EXPECT_EQ(fold_changes(pipeline_.topics(), *sales_datasets().find("listing"), table), "");
    return table.size();
  }
  Pipeline pipeline_{sales_datasets(), sales_normalizers()};
};

TEST_F(Spread, OneVerdictForAllPartitions) {
  whole(1, 1, 60);
  EXPECT_EQ(outcome(1), "accepted");
  EXPECT_EQ(of(1).tallies.size(), 6U);
  EXPECT_EQ(of(1).counts().created, 60);
  EXPECT_EQ(rows(), 60U);
  // No partition alone would hold it by chance; all together do.
  whole(2, 1, 29);
  EXPECT_EQ(outcome(2), "held");
  EXPECT_EQ(rows(), 60U);
  run(2).verdict(Decision::release);
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "released");
  EXPECT_EQ(rows(), 29U);
}

TEST_F(Spread, SameIsCountedOnce) {
  whole(1, 1, 60);
  run(2).same(60, "hash1");
  pipeline_.settle();
  EXPECT_EQ(outcome(2), "same");
  EXPECT_EQ(of(2).partitions, 6);
  EXPECT_EQ(of(2).counts().same, 60);
}

// The verdict of a run that is incomplete elsewhere may come before the run's end in a slow partition.
TEST_F(Spread, ARejectionBeforeTheEndDoesNotBlockTheScope) {
  RunWriter out = run(1);
  out.begin();
  add(out, 1, 30);
  out.control_at(0, RecordKind::end, encode(End{run_id(1), out.sent_to(0) + 1, 31, ""}));
  pipeline_.settle();
  EXPECT_EQ(outcome(1), "incomplete");
  for (int32_t p = 1; p < Topics::kPartitions; ++p)
    out.control_at(p, RecordKind::end, encode(End{run_id(1), out.sent_to(p), 31, ""}));
  pipeline_.settle();
  EXPECT_EQ(outcome(1), "incomplete");
  EXPECT_EQ(rows(), 0U);
  whole(2, 1, 20);
  EXPECT_EQ(outcome(2), "accepted");
  EXPECT_EQ(rows(), 20U);
}

TEST_F(Spread, ACollectorThatDiedBetweenTheEndsBlocksNothing) {
  RunWriter out = run(1);
  out.begin();
  add(out, 1, 30);
  for (int32_t p = 0; p < 3; ++p) out.control_at(p, RecordKind::end, encode(End{run_id(1), out.sent_to(p), 30, ""}));
  pipeline_.settle();
  EXPECT_EQ(outcome(1), "pending");
  pipeline_.restart(false, false);
  whole(2, 1, 20);
  EXPECT_EQ(outcome(1), "incomplete");
  EXPECT_EQ(outcome(2), "accepted");
  EXPECT_EQ(rows(), 20U);
}

TEST_F(Spread, ReleasingARunThatIsNotHeldYetDoesNothing) {
  RunWriter out = run(1);
  out.begin();
  add(out, 1, 30);
  out.end();
  run(1).verdict(Decision::release);
  pipeline_.settle();
  EXPECT_EQ(outcome(1), "accepted");
  EXPECT_EQ(rows(), 30U);
}

// ---- the rule itself ----------------------------------------------------------------------------

TEST(DecideRun, InOrderOfWeight) {
  Counts c;
  c.rows = 20;
  c.before = 10;
  EXPECT_EQ(decide_run(c, kGuard, false).outcome, Outcome::accepted);
  c.deleted = 6;
  EXPECT_EQ(decide_run(c, kGuard, false).outcome, Outcome::held);
  EXPECT_EQ(decide_run(c, std::nullopt, false).outcome, Outcome::accepted);
  c.rejected = 1;
  EXPECT_EQ(decide_run(c, std::nullopt, false).outcome, Outcome::partial);
  EXPECT_EQ(decide_run(c, kGuard, false).outcome, Outcome::held);
  c.rejected = 11;
  EXPECT_EQ(decide_run(c, kGuard, false).outcome, Outcome::incomplete);
  EXPECT_EQ(decide_run(Counts{}, std::nullopt, false).outcome, Outcome::held);
  EXPECT_EQ(decide_run(Counts{}, std::nullopt, true).outcome, Outcome::accepted);
}

}  // namespace
}  // namespace sujip::testing
