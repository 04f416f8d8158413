#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "processors/store/store.h"
#include "processors/store/task_store.h"
#include "tests/unit/support/temp_dir.h"

namespace sujip::testing {
namespace {

std::unique_ptr<Store> open(const std::string& dir, const std::string& cluster = "c") {
  auto store = Store::open(dir, cluster, 1 << 20);
  EXPECT_TRUE(store.ok()) << store.error().message();
  return store.ok() ? *std::move(store) : nullptr;
}

using Rows = std::map<std::pair<uint64_t, uint64_t>, std::string>;

Rows scanned(const Store& store, uint64_t task, uint8_t space, uint64_t prefix) {
  Rows out;
  std::pair<uint64_t, uint64_t> last;
  store.scan(task, space, prefix, [&](const KeyHash& k, std::string_view v) {
    const std::pair now(k.high, k.low);
    EXPECT_TRUE(out.empty() || last < now) << "not in key order";
    last = now;
    out[last] = std::string(v);
  });
  return out;
}

void checkpoint(Store& store, TaskStore& task, const std::string& meta) {
  std::vector<Store::Write> writes;
  task.collect(writes);
  ASSERT_TRUE(store.ingest(writes, {{task.task(), meta}}).ok());
  task.written();
}

TEST(Store, KeepsRowsMetaAndDeletes) {
  const TempDir dir;
  auto store = open(dir.path());
  TaskStore task(store.get(), "a", 1 << 20);
  task.put(task.block(1, 7), {2, 1}, "two");
  task.put(task.block(1, 7), {1, 9}, "one");
  task.put(task.block(2, 7), {1, 9}, "other space");
  task.put(task.block(1, UINT64_MAX), {UINT64_MAX, UINT64_MAX}, "last");
  EXPECT_TRUE(task.dirty());
  checkpoint(*store, task, "at 5");
  EXPECT_FALSE(task.dirty());
  EXPECT_EQ(task.meta(), "at 5");
  EXPECT_EQ(scanned(*store, task.task(), 1, 7), (Rows{{{1, 9}, "one"}, {{2, 1}, "two"}}));
  EXPECT_EQ(scanned(*store, task.task(), 2, 7), (Rows{{{1, 9}, "other space"}}));
  EXPECT_EQ(scanned(*store, task.task(), 1, UINT64_MAX).size(), 1U);
  EXPECT_TRUE(scanned(*store, task.task(), 1, 8).empty());

  task.erase(task.block(1, 7), {1, 9});
  task.put(task.block(1, 7), {2, 1}, "two again");
  EXPECT_EQ(task.find(task.block(1, 7), {1, 9}), nullptr);
  checkpoint(*store, task, "at 9");
  EXPECT_EQ(scanned(*store, task.task(), 1, 7), (Rows{{{2, 1}, "two again"}}));

  // A new process.
  store.reset();
  store = open(dir.path());
  TaskStore again(store.get(), "a", 1 << 20);
  EXPECT_EQ(again.meta(), "at 9");
  ASSERT_NE(again.find(again.block(1, 7), {2, 1}), nullptr);
  EXPECT_EQ(*again.find(again.block(1, 7), {2, 1}), "two again");
  EXPECT_EQ(again.find(again.block(1, 7), {1, 9}), nullptr);
}

TEST(Store, WipeForgetsOneTaskOnly) {
  const TempDir dir;
  auto store = open(dir.path());
  TaskStore a(store.get(), "a", 1 << 20);
  TaskStore b(store.get(), "b", 1 << 20);
  a.put(a.block(1, 1), {1, 1}, "a");
  b.put(b.block(1, 1), {1, 1}, "b");
  checkpoint(*store, a, "ma");
  checkpoint(*store, b, "mb");
  ASSERT_TRUE(a.wipe().ok());
  EXPECT_EQ(a.meta(), "");
  EXPECT_TRUE(scanned(*store, a.task(), 1, 1).empty());
  EXPECT_EQ(scanned(*store, b.task(), 1, 1).size(), 1U);
  // What is written after it stays.
  TaskStore anew(store.get(), "a", 1 << 20);
  anew.put(anew.block(1, 1), {1, 2}, "new");
  checkpoint(*store, anew, "m2");
  store.reset();
  store = open(dir.path());
  EXPECT_EQ(scanned(*store, anew.task(), 1, 1), (Rows{{{1, 2}, "new"}}));
  EXPECT_EQ(store->meta(b.task()), "mb");
}

TEST(Store, StateOfAnotherClusterIsDropped) {
  const TempDir dir;
  auto store = open(dir.path(), "one");
  TaskStore task(store.get(), "a", 1 << 20);
  task.put(task.block(1, 1), {1, 1}, "x");
  checkpoint(*store, task, "m");
  store.reset();
  store = open(dir.path(), "one");
  EXPECT_EQ(store->meta(task.task()), "m");
  store.reset();
  store = open(dir.path(), "two");
  EXPECT_EQ(store->meta(task.task()), "");
  EXPECT_TRUE(scanned(*store, task.task(), 1, 1).empty());
}

TEST(Store, ASecondProcessIsRefused) {
  const TempDir dir;
  const auto store = open(dir.path());
  const auto second = Store::open(dir.path(), "c", 1 << 20);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message().find("another process"), std::string::npos) << second.error().message();
}

// A file that was written but never taken in is no state, and is cleared away.
TEST(Store, LeftoversOfACrashAreRemoved) {
  const TempDir dir;
  open(dir.path()).reset();
  const std::string leftover = dir.path() + "/incoming/0.sst";
  { std::filesystem::create_directories(dir.path() + "/incoming"); }
  std::FILE* f = std::fopen(leftover.c_str(), "w");
  ASSERT_NE(f, nullptr);
  std::fputs("half", f);
  std::fclose(f);
  const auto store = open(dir.path());
  EXPECT_FALSE(std::filesystem::exists(leftover));
}

TEST(Store, ACrashBetweenTheFileAndKnowingOfItIsHarmless) {
  const TempDir dir;
  auto store = open(dir.path());
  {
    TaskStore task(store.get(), "a", 1 << 20);
    task.put(task.block(1, 1), {1, 1}, "x");
    std::vector<Store::Write> writes;
    task.collect(writes);
    ASSERT_TRUE(store->ingest(writes, {{task.task(), "m"}}).ok());
    // The same once more, as a task that does not know would.
    writes.clear();
    task.collect(writes);
    ASSERT_EQ(writes.size(), 1U);
    ASSERT_TRUE(store->ingest(writes, {{task.task(), "m"}}).ok());
  }
  store.reset();
  store = open(dir.path());
  TaskStore task(store.get(), "a", 1 << 20);
  EXPECT_EQ(task.meta(), "m");
  ASSERT_NE(task.find(task.block(1, 1), {1, 1}), nullptr);
}

TEST(TaskStore, CleanBlocksLeaveDirtyOnesStay) {
  const TempDir dir;
  const auto store = open(dir.path());
  TaskStore task(store.get(), "a", 0);  // no memory at all
  for (uint64_t p = 0; p < 10; ++p) task.put(task.block(1, p), {p, p}, std::string(100, 'x'));
  task.release_memory();
  for (uint64_t p = 0; p < 10; ++p) ASSERT_NE(task.find(task.block(1, p), {p, p}), nullptr) << p;
  checkpoint(*store, task, "m");
  task.put(task.block(1, 3), {3, 4}, "dirty");
  const size_t before = task.bytes();
  task.release_memory();
  EXPECT_LT(task.bytes(), before);
  EXPECT_GT(task.bytes(), 0U);
  ASSERT_NE(task.find(task.block(1, 3), {3, 4}), nullptr);
  for (uint64_t p = 0; p < 10; ++p) ASSERT_NE(task.find(task.block(1, p), {p, p}), nullptr) << "read back " << p;
  checkpoint(*store, task, "m");
  task.release_memory();
  EXPECT_EQ(task.bytes(), 0U);
}

TEST(TaskStore, BytesComeAndGoWithTheRows) {
  TaskStore task(nullptr, "a", 0);
  TaskStore::Block& block = task.block(1, 1);
  const size_t empty = task.bytes();
  task.put(block, {1, 1}, "x");
  task.put(block, {1, 1}, std::string(500, 'y'));
  EXPECT_GT(task.bytes(), empty + 500);
  task.erase(block, {1, 1});
  task.erase(block, {9, 9});  // never was there
  task.written();
  EXPECT_EQ(task.bytes(), empty);
  EXPECT_EQ(task.find(block, {1, 1}), nullptr);
  EXPECT_EQ(task.meta(), "");
}

}  // namespace
}  // namespace sujip::testing
