// Deltas: exact, combined, and read back as written. The totals themselves are checked against an
// oracle in processors_history_test.cc.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "processors/rollup/delta.h"
#include "tests/unit/support/sales.h"

namespace sujip::testing {
namespace {

const Dataset& sale_dataset() { return *sales_datasets().find("sale"); }

void add(DeltaCollector& deltas, const Sale& sale, int sign) {
  const std::string bytes = encoded(sale_dataset(), sale);
  std::vector<FieldValue> row;
  ASSERT_TRUE(decode_row(sale_dataset(), bytes, row));
  if (sign > 0)
    deltas.change(nullptr, &row);
  else
    deltas.change(&row, nullptr);
}

Sale on(const char* day, int64_t quantity, const std::string& order = "1") {
  Sale s;
  s.day = Day::parse(day);
  s.quantity = quantity;
  s.order_no = order;
  return s;
}

TEST(Zigzag128, AnyNumberIsReadBack) {
  EXPECT_TRUE(rc::check([](int64_t high, uint64_t low) {
    const Int128 n = (static_cast<Int128>(high / 2) << 64) | static_cast<Int128>(low);
    for (const Int128 value : {n, -n, Int128{high}, Int128{0}}) {
      std::string out;
      append_zigzag128(out, value);
      std::string_view in = out;
      Int128 back = 0;
      RC_ASSERT(read_zigzag128(in, back));
      RC_ASSERT(back == value);
      RC_ASSERT(in.empty() && !read_zigzag128(in, back));
    }
  }));
}

TEST(Deltas, AreReadBackAsWritten) {
  const auto shapes = rollup_shapes(sale_dataset());
  const RollupShape& shape = shapes.front();
  EXPECT_TRUE(rc::check([&] {
    std::vector<DayDelta> days(*rc::gen::inRange<size_t>(0, 5));
    for (DayDelta& d : days) {
      d.day = *rc::gen::inRange(-20000, 60000);
      d.rows = *rc::gen::arbitrary<int64_t>();
      d.sums.resize(shape.sums.size());
      for (Int128& s : d.sums) s = static_cast<Int128>(*rc::gen::arbitrary<int64_t>()) * 1000003;
      for (size_t measure = 0; measure < shape.distinct_count(); ++measure)
        for (int v = *rc::gen::inRange(0, 4); v > 0; --v)
          d.distinct.push_back({measure,
                                {*rc::gen::arbitrary<uint64_t>(), *rc::gen::arbitrary<uint64_t>()},
                                *rc::gen::inRange<int64_t>(1, 1000) * (v % 2 == 0 ? -1 : 1)});
      std::sort(d.distinct.begin(), d.distinct.end());
    }
    const std::string bytes = encode_deltas(shape, days, days.size());
    DeltaReader reader(shape, bytes);
    DayDelta back;
    for (const DayDelta& d : days) {
      RC_ASSERT(reader.next(back));
      RC_ASSERT(back.day == d.day && back.rows == d.rows);
      RC_ASSERT(back.sums == d.sums);
      RC_ASSERT(back.distinct == d.distinct);
    }
    RC_ASSERT(!reader.next(back) && reader.ok());
    for (size_t n = 0; n < bytes.size(); ++n) {
      const std::string cut(bytes, 0, n);
      DeltaReader damaged(shape, cut);
      while (damaged.next(back)) {
      }
      RC_ASSERT(!damaged.ok());
    }
  }));
}

TEST(Deltas, WhatCameToNothingIsNotTold) {
  DeltaCollector deltas(sale_dataset());
  add(deltas, on("2011-01-05", 3), 1);
  add(deltas, on("2011-01-05", 3), -1);
  PendingOutputs out;
  deltas.emit(out);
  EXPECT_TRUE(out.items().empty());
  EXPECT_TRUE(deltas.empty());
}

TEST(Deltas, OneRecordForASetOfDimensionsPerCommit) {
  DeltaCollector deltas(sale_dataset());
  add(deltas, on("2011-01-05", 3, "1"), 1);
  add(deltas, on("2011-01-05", 4, "1"), 1);
  add(deltas, on("2011-01-06", 5, "2"), 1);
  PendingOutputs out;
  deltas.emit(out);
  const auto by_entity = std::count_if(out.items().begin(), out.items().end(), [](const auto& item) {
    return item.record.key.find(R"("as_is":)") != std::string::npos;
  });
  EXPECT_EQ(by_entity, 4);                // two orders, each for product_now and kind_now
  ASSERT_EQ(out.items().size() - 4, 4U);  // all, source, account, product
  const auto shapes = rollup_shapes(sale_dataset());
  for (const auto& item : out.items()) {
    EXPECT_EQ(item.topic, "delta.rollup");
    if (item.record.key != R"({"dataset":"sale","grain":"source","currency":"KRW","source":"shop"})") continue;
    DeltaReader days(*find_shape(shapes, "source"), *item.record.value);
    DayDelta fifth;
    ASSERT_TRUE(days.next(fifth));
    EXPECT_EQ(fifth.day, Day::parse("2011-01-05")->since_epoch);
    EXPECT_EQ(fifth.rows, 2);
    EXPECT_TRUE(fifth.sums[0] == 7);
    // One order, by two lines.
    ASSERT_EQ(std::count_if(fifth.distinct.begin(), fifth.distinct.end(), [](const auto& c) { return c.measure == 0; }),
              1);
    EXPECT_EQ(fifth.distinct[0].count, 2);
    DayDelta sixth;
    ASSERT_TRUE(days.next(sixth));
    EXPECT_FALSE(days.next(sixth));
    EXPECT_TRUE(days.ok());
    return;
  }
  FAIL() << "no delta of the source";
}

TEST(Deltas, ARowWithoutADayCountsNowhere) {
  const Dataset& listing = *sales_datasets().find("listing");
  Sale s = on("2011-01-05", 3);
  s.day.reset();
  const std::string bytes = encoded(listing, s);
  std::vector<FieldValue> row;
  ASSERT_TRUE(decode_row(listing, bytes, row));
  DeltaCollector deltas(listing);
  deltas.change(nullptr, &row);
  EXPECT_TRUE(deltas.empty());
}

TEST(Deltas, ShapesSayWhatIsCounted) {
  const auto shapes = rollup_shapes(sale_dataset());
  EXPECT_TRUE(find_shape(shapes, "all")->accounts);
  EXPECT_FALSE(find_shape(shapes, "account")->accounts);  // it is one by itself
  EXPECT_EQ(find_shape(shapes, "nothing"), nullptr);
}

TEST(Rollup, WhatIsNoDeltaGoesToDeadLetter) {
  TaskStore store(nullptr, "rollup", 1 << 20);
  RollupTask task(0, sales_datasets(), store);
  PendingOutputs out;
  Stored bad;
  for (const char* key : {"", "{}", R"({"dataset":"sale","grain":"none"})", R"({"dataset":"x","grain":"all"})",
                          R"({"dataset":"sale","grain":"all","currency":"KRW"})"}) {
    bad.key = key;
    bad.value = "\x07";
    task.process(as_record(bad, 0), out);
    task.before_commit(out);
  }
  ASSERT_EQ(out.items().size(), 5U);
  for (const auto& item : out.items()) EXPECT_EQ(item.topic, "dead.letter");
}

// A sum that does not fit 64 bits is still exact.
TEST(Rollup, SumsBeyond64Bits) {
  Pipeline pipeline(sales_datasets(), sales_normalizers());
  RunWriter run(pipeline, sales_datasets(), "shop/a/sale/2011-01-05", RunId{1294200000000, 1});
  run.begin();
  for (int i = 0; i < 5; ++i) {
    Sale s = on("2011-01-05", 1, std::to_string(i));
    s.amount = INT64_MAX;
    run.row(s.key_json(true), s.json());
  }
  run.end();
  pipeline.settle();
  pipeline.restart(false, true);
  RunWriter next(pipeline, sales_datasets(), "shop/a/sale/2011-01-06", RunId{1294200000000, 2});
  Sale s = on("2011-01-06", 1);
  s.amount = INT64_MAX;
  next.begin().row(s.key_json(true), s.json()).end();
  pipeline.settle();
  const auto rollups = fold_rollups(pipeline.topics(), sale_dataset());
  const auto at = rollups.find(R"({"grain":"all","period":"month","period_start":"2011-01-01","currency":"KRW"})");
  ASSERT_NE(at, rollups.end());
  // 6 * 922337203685477.5807
  EXPECT_NE(at->second.find(R"("amount":5534023222112865.4842)"), std::string::npos) << at->second;
}

}  // namespace
}  // namespace sujip::testing
