// As-is rollups: the whole history of an entity counts under what its latest row says. Random histories of
// them are in processors_history_test.cc.

#include <gtest/gtest.h>

#include <set>

#include "processors/rollup/as_is_delta.h"
#include "tests/unit/support/sales.h"

namespace sujip::testing {
namespace {

const Dataset& sale_dataset() { return *sales_datasets().find("sale"); }

Sale line(const std::string& day, const std::string& sku, int64_t quantity, int64_t number = 1) {
  Sale s;
  s.day = Day::parse(day);
  s.sku = sku;
  s.quantity = quantity;
  s.line = number;
  return s;
}

class AsIs : public ::testing::Test {
 protected:
  // The day as it is from now on.
  void day(const std::string& day, const std::vector<Sale>& rows) {
    ++runs_;
    RunWriter run(pipeline_, sales_datasets(), "shop/a/sale/" + day, RunId{1294200000000 + runs_, runs_}, std::nullopt,
                  true);
    run.begin();
    for (const Sale& row : rows) run.row(row.key_json(true), row.json());
    run.end();
    pipeline_.settle();
  }
  // Period, start, and the rest of the key, of each total of the grain: its quantity.
  std::map<std::string, int64_t> quantities(const std::string& grain, const std::string& period) {
    std::map<std::string, int64_t> out;
    const std::string head = R"({"grain":")" + grain + R"(","period":")" + period + R"(","period_start":")";
    for (const auto& [key, value] : fold_rollups(pipeline_.topics(), sale_dataset())) {
      if (!key.starts_with(head)) continue;
      const size_t at = value.find(R"("quantity":)") + 11;
      out[key.substr(head.size(), 10) + key.substr(key.find(R"("currency":)") + 11)] = std::stoll(value.substr(at));
    }
    return out;
  }
  using Quantities = std::map<std::string, int64_t>;

  // Records that are left of the state.
  size_t state() {
    std::set<std::string> keys;
    for (const Log& log : pipeline_.topics().all(sale_dataset().as_is_topic()))
      for (const Stored& record : log) record.value ? (void)keys.insert(record.key) : (void)keys.erase(record.key);
    return keys.size();
  }

  Pipeline pipeline_{sales_datasets(), sales_normalizers()};
  int64_t runs_ = 0;
};

TEST_F(AsIs, TheWholeHistoryMovesAndComesBack) {
  day("2010-12-31", {line("2010-12-31", "X", 1)});
  day("2011-01-03", {line("2011-01-03", "X", 10)});
  EXPECT_EQ(quantities("product_now", "year"), (Quantities{{R"(2010-01-01"KRW","source":"shop","sku":"X"})", 1},
                                                           {R"(2011-01-01"KRW","source":"shop","sku":"X"})", 10}}));
  day("2011-01-04", {line("2011-01-04", "Y", 100)});
  const Quantities now = {{R"(2010-12-31"KRW","source":"shop","sku":"Y"})", 1},
                          {R"(2011-01-03"KRW","source":"shop","sku":"Y"})", 10},
                          {R"(2011-01-04"KRW","source":"shop","sku":"Y"})", 100}};
  EXPECT_EQ(quantities("product_now", "day"), now);
  EXPECT_EQ(quantities("product_now", "week"), (Quantities{{R"(2010-12-27"KRW","source":"shop","sku":"Y"})", 1},
                                                           {R"(2011-01-03"KRW","source":"shop","sku":"Y"})", 110}}));
  EXPECT_EQ(quantities("product_now", "month"), (Quantities{{R"(2010-12-01"KRW","source":"shop","sku":"Y"})", 1},
                                                            {R"(2011-01-01"KRW","source":"shop","sku":"Y"})", 110}}));
  // As-was: what each row said.
  EXPECT_EQ(quantities("product", "month"), (Quantities{{R"(2010-12-01"KRW","source":"shop","sku":"X"})", 1},
                                                        {R"(2011-01-01"KRW","source":"shop","sku":"X"})", 10},
                                                        {R"(2011-01-01"KRW","source":"shop","sku":"Y"})", 100}}));
  // An older day says something else: nothing moves.
  day("2010-12-31", {line("2010-12-31", "Z", 2)});
  EXPECT_EQ(quantities("product_now", "year"), (Quantities{{R"(2010-01-01"KRW","source":"shop","sku":"Y"})", 2},
                                                           {R"(2011-01-01"KRW","source":"shop","sku":"Y"})", 110}}));
  // The latest row goes: what was before it rules again.
  day("2011-01-04", {});
  EXPECT_EQ(quantities("product_now", "year"), (Quantities{{R"(2010-01-01"KRW","source":"shop","sku":"X"})", 2},
                                                           {R"(2011-01-01"KRW","source":"shop","sku":"X"})", 10}}));
  day("2011-01-03", {});
  EXPECT_EQ(quantities("product_now", "year"), (Quantities{{R"(2010-01-01"KRW","source":"shop","sku":"Z"})", 2}}));
  EXPECT_GT(state(), 0U);
  day("2010-12-31", {});
  EXPECT_TRUE(fold_rollups(pipeline_.topics(), sale_dataset()).empty());
  EXPECT_EQ(state(), 0U);
}

TEST_F(AsIs, OfTheLatestDayMostRowsRuleThenTheGreatestValue) {
  const auto ruling = [&] {
    const Quantities found = quantities("product_now", "year");
    return found.size() == 1 ? found.begin()->first.substr(found.begin()->first.find("sku")) : "not one";
  };
  day("2011-01-03", {line("2011-01-03", "A", 1, 1), line("2011-01-03", "A", 1, 2), line("2011-01-03", "B", 1, 3)});
  EXPECT_EQ(ruling(), R"(sku":"A"})");
  day("2011-01-03", {line("2011-01-03", "A", 1, 1), line("2011-01-03", "B", 1, 3)});
  EXPECT_EQ(ruling(), R"(sku":"B"})");
  day("2011-01-03", {line("2011-01-03", "A", 1, 1), line("2011-01-03", "", 1, 2)});
  EXPECT_EQ(ruling(), R"(sku":"A"})");
  day("2011-01-03", {line("2011-01-03", "", 1, 1)});
  EXPECT_EQ(ruling(), R"(sku":null})");
}

TEST_F(AsIs, TheLatestRowOfAnyCurrencyRulesAndAmountsOfTwoNeverMeet) {
  Sale dollars = line("2011-01-04", "Y", 5);
  dollars.currency = "USD";
  day("2011-01-03", {line("2011-01-03", "X", 1)});
  day("2011-01-04", {dollars});
  EXPECT_EQ(quantities("product_now", "month"), (Quantities{{R"(2011-01-01"KRW","source":"shop","sku":"Y"})", 1},
                                                            {R"(2011-01-01"USD","source":"shop","sku":"Y"})", 5}}));
}

// The rollup task alone, with what it emits.
class AsIsTask : public ::testing::Test {
 protected:
  // What rows of one order on many days add: in one commit of the entity task, so in one record.
  std::string by_entity(const std::vector<Sale>& rows) {
    DeltaCollector deltas(sale_dataset());
    std::vector<FieldValue> values;
    for (const Sale& row : rows) {
      const std::string bytes = encoded(sale_dataset(), row);
      EXPECT_TRUE(decode_row(sale_dataset(), bytes, values));
      deltas.change(nullptr, &values);
    }
    PendingOutputs out;
    deltas.emit(out);
    for (const auto& item : out.items())
      if (item.record.key == kEntity) return *item.record.value;
    ADD_FAILURE() << "no delta of the entity";
    return "";
  }
  std::vector<PendingOutputs::Item> process(const std::string& value) {
    Stored record;
    record.key = kEntity;
    record.value = value;
    task_.process(as_record(record, offset_++), out_);
    task_.before_commit(out_);
    return out_.take();
  }

  const std::string kEntity =
      R"({"dataset":"sale","as_is":"product_now","source":"shop","account":"a","order_no":"1"})";
  TaskStore store_{nullptr, "rollup", 1 << 20};
  RollupTask task_{0, sales_datasets(), store_};
  PendingOutputs out_;
  int64_t offset_ = 0;
};

// Brokers take records of a megabyte: years of an entity move in several.
TEST_F(AsIsTask, AMoveOfManyDaysIsSeveralRecords) {
  const Day first = Day::of(2000, 1, 1);
  std::vector<Sale> rows;
  for (int n = 0; n < 5000; ++n) rows.push_back(line((first + n).str(), "X", n));
  (void)process(by_entity(rows));
  const auto shapes = rollup_shapes(sale_dataset());
  const RollupShape& shape = *find_shape(shapes, "product_now");
  std::map<std::string, int64_t> records, moved_rows, quantity;
  for (const auto& item : process(by_entity({line("2020-01-01", "Y", 1)}))) {
    ASSERT_LT(item.record.value->size(), 300000U);
    if (item.topic != "delta.rollup") continue;
    DeltaReader days(shape, *item.record.value);
    DayDelta day;
    ++records[item.record.key];
    while (days.next(day)) {
      moved_rows[item.record.key] += day.rows;
      quantity[item.record.key] += static_cast<int64_t>(day.sums[0]);
    }
    ASSERT_TRUE(days.ok());
  }
  const std::string x = R"({"dataset":"sale","grain":"product_now","currency":"KRW","source":"shop","sku":"X"})";
  const std::string y = R"({"dataset":"sale","grain":"product_now","currency":"KRW","source":"shop","sku":"Y"})";
  EXPECT_EQ(moved_rows, (std::map<std::string, int64_t>{{x, -5000}, {y, 5001}}));
  EXPECT_EQ(quantity, (std::map<std::string, int64_t>{{x, -5000 * 4999 / 2}, {y, 5000 * 4999 / 2 + 1}}));
  EXPECT_GT(records[x], 1);
}

TEST_F(AsIsTask, WhatIsDamagedAddsNothing) {
  const std::string whole = by_entity({line("2011-01-03", "X", 1), line("2011-01-04", "X", 1)});
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto items = process(whole.substr(0, n));
    ASSERT_EQ(items.size(), 1U) << n;
    EXPECT_EQ(items[0].topic, "dead.letter");
  }
  EXPECT_EQ(process(whole).size(), 3U);  // two days of state, one record of deltas
}

TEST_F(AsIsTask, OnlyWhatIsDeclaredAsIsComesByEntity) {
  const std::string value = by_entity({line("2011-01-03", "X", 1)});
  for (const char* key : {R"({"dataset":"sale","as_is":"product","source":"shop","sku":"X"})",
                          R"({"dataset":"sale","as_is":"none"})", R"({"dataset":"sale","as_is":"product_now")"}) {
    Stored record;
    record.key = key;
    record.value = value;
    task_.process(as_record(record, offset_++), out_);
    task_.before_commit(out_);
    const auto items = out_.take();
    ASSERT_EQ(items.size(), 1U) << key;
    EXPECT_EQ(items[0].topic, "dead.letter");
  }
}

}  // namespace
}  // namespace sujip::testing
