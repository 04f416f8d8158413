// The change events themselves, word for word, and what a task makes of state that it reads back.

#include <gtest/gtest.h>

#include "tests/unit/support/sales.h"
#include "tests/unit/support/temp_dir.h"

namespace sujip::testing {
namespace {

constexpr const char* kScope = "shop/a/sale/2011-01-05";

Sale sale(const std::string& order) {
  Sale s;
  s.day = Day::parse("2011-01-05");
  s.order_no = order;
  s.quantity = -2;
  s.amount = 12500;
  return s;
}

const Log& changes(Pipeline& pipeline) {
  return pipeline.topics().log("change.sale", partition_of(kScope, Topics::kPartitions));
}

void whole(Pipeline& pipeline, int n, const std::vector<Sale>& rows) {
  RunWriter run(pipeline, sales_datasets(), kScope, RunId{1294200000000 + n, n}, std::nullopt, true);
  run.begin();
  for (const Sale& row : rows) run.row(row.key_json(true), row.json());
  run.end();
  pipeline.settle();
}

TEST(Change, CreatedUpdatedDeletedWordForWord) {
  Pipeline pipeline(sales_datasets(), sales_normalizers());
  whole(pipeline, 1, {sale("1")});
  Sale renamed = sale("1");
  renamed.title = "새 이름";
  whole(pipeline, 2, {renamed});
  whole(pipeline, 3, {});
  const std::string row =
      R"({"source":"shop","account":"a","day":"2011-01-05","order_no":"1","line":1,"sku":"X","title":"t",)"
      R"("quantity":-2,"amount":1.25,"currency":"KRW","seen":"1970-01-01T00:00:00.000Z"})";
  const std::string after =
      R"({"source":"shop","account":"a","day":"2011-01-05","order_no":"1","line":1,"sku":"X","title":"새 이름",)"
      R"("quantity":-2,"amount":1.25,"currency":"KRW","seen":"1970-01-01T00:00:00.000Z"})";
  const auto envelope = [](const std::string& before, const std::string& now, char op, int run, int rev, bool minor) {
    const std::string ts = std::to_string(1294200000000 + run);
    return "{\"before\":" + before + ",\"after\":" + now + ",\"op\":\"" + op + "\",\"ts_ms\":" + ts +
           R"(,"source":{"version":"1","connector":"sujip","name":"shop","ts_ms":)" + ts +
           R"(,"account":"a","dataset":"sale","scope":"shop/a/sale/2011-01-05","run":"20110105T04000000)" +
           std::to_string(run) + "Z-" + std::to_string(run) + R"(","rev":)" + std::to_string(rev) +
           ",\"minor\":" + (minor ? "true" : "false") + "}}";
  };
  const Log& log = changes(pipeline);
  ASSERT_EQ(log.size(), 4U);
  for (const Stored& record : log)
    EXPECT_EQ(record.key, R"({"source":"shop","account":"a","day":"2011-01-05","order_no":"1","line":1})");
  // rev: offset of the end record + 1
  EXPECT_EQ(log[0].value, envelope("null", row, 'c', 1, 3, false));
  EXPECT_EQ(log[1].value, envelope(row, after, 'u', 2, 6, true));
  EXPECT_EQ(log[2].value, envelope(after, "null", 'd', 3, 8, false));
  EXPECT_FALSE(log[3].value.has_value());
}

TEST(Change, PlainRecordsAreUpserts) {
  Pipeline pipeline(sales_datasets(), sales_normalizers());
  Stored record;
  record.key = kScope;
  record.value = sale("1").json();
  const int32_t p = partition_of(kScope, Topics::kPartitions);
  pipeline.append("raw.order", p, record);
  pipeline.append("raw.order", p, record);
  record.value = "{}";
  pipeline.append("raw.order", p, record);
  record.value.reset();
  pipeline.append("raw.order", p, record);
  record.value = sale("1").json();
  pipeline.append("raw.catalog", p, record);  // no dataset takes plain records there
  pipeline.settle();
  ASSERT_EQ(changes(pipeline).size(), 1U);
  EXPECT_NE(changes(pipeline)[0].value->find(R"("run":"","rev":1,)"), std::string::npos);
  size_t dead = 0;
  for (const Log& log : pipeline.topics().all("dead.letter")) dead += log.size();
  EXPECT_EQ(dead, 3U);
  // A snapshot of the day replaces what came by itself.
  whole(pipeline, 1, {sale("2")});
  std::map<std::string, std::string> table;
  ASSERT_EQ(fold_changes(pipeline.topics(), *sales_datasets().find("sale"), table), "");
  ASSERT_EQ(table.size(), 1U);
  EXPECT_EQ(table.begin()->second, sale("2").json());
}

TEST(Change, RecordsThatMakeNoSenseGoToDeadLetter) {
  Pipeline pipeline(sales_datasets(), sales_normalizers());
  const auto send = [&](const char* subject, const char* run, RecordKind kind, std::optional<std::string> value) {
    Stored record;
    record.key = "k";
    record.value = std::move(value);
    record.meta = Stored::Meta{"sale", kind, subject, run};
    pipeline.append("raw.order", 0, record);
  };
  const char* run = "20110105T040000001Z-1";
  send("shop/a", run, RecordKind::row, "{}");
  send("shop/a/nothing", run, RecordKind::row, "{}");
  send("shop/a/listing", run, RecordKind::row, "{}");  // of another topic
  send(kScope, "yesterday", RecordKind::row, "{}");
  send(kScope, run, RecordKind::begin, "not JSON");
  send(kScope, run, RecordKind::end, "{}");
  send(kScope, run, RecordKind::verdict, "{}");
  send(kScope, run, RecordKind::same, "[]");
  send(kScope, run, RecordKind::row, std::nullopt);
  send(kScope, run, RecordKind::row, "{}");  // of a run that did not begin: no news
  pipeline.settle();
  std::vector<std::string> reasons;
  for (const Log& log : pipeline.topics().all("dead.letter"))
    for (const Stored& record : log) reasons.push_back(*record.value);
  EXPECT_EQ(reasons.size(), 9U);
}

// An old checkpoint has a row that is deleted since. Of the delete the compacted topic holds only the
// tombstone.
TEST(Change, ATombstoneAloneDeletesARowOfAnOldCheckpoint) {
  const TempDir dir;
  auto store = Store::open(dir.path(), "c");
  ASSERT_TRUE(store.ok());
  Pipeline::Options options;
  options.store = store->get();
  Pipeline pipeline(sales_datasets(), sales_normalizers(), options);
  whole(pipeline, 1, {sale("1"), sale("2")});
  for (auto& slot : pipeline.slots()) slot->checkpoint();
  whole(pipeline, 2, {sale("2")});
  pipeline.restart(true, true);
  whole(pipeline, 3, {sale("1"), sale("2")});
  std::map<std::string, std::string> table;
  ASSERT_EQ(fold_changes(pipeline.topics(), *sales_datasets().find("sale"), table), "");
  EXPECT_EQ(table.size(), 2U);
}

TEST(Change, AShortTailIsReadBackWithALocalStore) {
  const TempDir dir;
  auto store = Store::open(dir.path(), "c");
  ASSERT_TRUE(store.ok());
  Pipeline::Options options;
  options.store = store->get();
  Pipeline pipeline(sales_datasets(), sales_normalizers(), options);
  std::vector<Sale> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(sale(std::to_string(i)));
  whole(pipeline, 1, rows);
  for (auto& slot : pipeline.slots()) slot->checkpoint();
  pipeline.restart(true, false);
  int64_t restored = 0;
  for (auto& slot : pipeline.slots()) restored += slot->restored_records();
  EXPECT_EQ(restored, 0);
  rows.pop_back();
  whole(pipeline, 2, rows);
  pipeline.restart(true, false);
  restored = 0;
  for (auto& slot : pipeline.slots()) restored += slot->restored_records();
  EXPECT_GT(restored, 0);
  EXPECT_LT(restored, 100);
}

}  // namespace
}  // namespace sujip::testing
