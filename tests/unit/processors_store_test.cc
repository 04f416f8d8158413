#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "processors/store/store.h"
#include "processors/store/task_store.h"
#include "tests/unit/support/temp_dir.h"

namespace sujip::testing {
namespace {

std::unique_ptr<Store> open(const std::string& dir, const std::string& cluster = "c") {
  auto store = Store::open(dir, cluster);
  EXPECT_TRUE(store.ok()) << store.error().message();
  return store.ok() ? *std::move(store) : nullptr;
}

using Rows = std::map<std::pair<uint64_t, uint64_t>, std::string>;

Rows scanned(const Store& store, uint64_t task, uint8_t space, uint64_t prefix) {
  Rows out;
  std::optional<KeyHash> last;
  bool any = false;
  Store::View(store).scan(task, space, prefix, [&](const KeyHash& start, std::string_view stored) {
    EXPECT_TRUE(!last || *last < start) << "pages overlap";
    EXPECT_TRUE(last || start == KeyHash{}) << "the first page is not there";
    any = true;
    last = start;
    const Page page(start, stored);
    EXPECT_TRUE(!page.rows().empty() || start == KeyHash{}) << "an empty page was kept";
    for (const Page::Row& row : page.rows()) {
      EXPECT_TRUE(*last <= row.key) << "not in key order";
      last = row.key;
      out[{row.key.high, row.key.low}] = std::string(page.value(row));
    }
  });
  EXPECT_EQ(any, !out.empty()) << "something is left of a block without rows";
  return out;
}

void checkpoint(Store& store, TaskStore& task, const std::string& meta) {
  Store::Checkpoint file(store);
  task.write(file, meta);
  ASSERT_TRUE(file.ingest().ok());
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
  EXPECT_EQ(task.block(1, 7).find({1, 9}), std::nullopt);
  checkpoint(*store, task, "at 9");
  EXPECT_EQ(scanned(*store, task.task(), 1, 7), (Rows{{{2, 1}, "two again"}}));

  // A new process.
  store.reset();
  store = open(dir.path());
  TaskStore again(store.get(), "a", 1 << 20);
  EXPECT_EQ(again.meta(), "at 9");
  ASSERT_NE(again.block(1, 7).find({2, 1}), std::nullopt);
  EXPECT_EQ(again.block(1, 7).find({2, 1}), "two again");
  EXPECT_EQ(again.block(1, 7).find({1, 9}), std::nullopt);
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
  const auto second = Store::open(dir.path(), "c");
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
    // Twice, as a task that does not know of the first would.
    for (int i = 0; i < 2; ++i) {
      Store::Checkpoint file(*store);
      task.write(file, "m");
      ASSERT_TRUE(file.ingest().ok());
    }
  }
  store.reset();
  store = open(dir.path());
  TaskStore task(store.get(), "a", 1 << 20);
  EXPECT_EQ(task.meta(), "m");
  ASSERT_NE(task.block(1, 1).find({1, 1}), std::nullopt);
}

TEST(TaskStore, CleanBlocksLeaveDirtyOnesStay) {
  const TempDir dir;
  const auto store = open(dir.path());
  TaskStore task(store.get(), "a", 0);  // no memory at all
  for (uint64_t p = 0; p < 10; ++p) task.put(task.block(1, p), {p, p}, std::string(100, 'x'));
  task.release_memory();
  for (uint64_t p = 0; p < 10; ++p) ASSERT_NE(task.block(1, p).find({p, p}), std::nullopt) << p;
  checkpoint(*store, task, "m");
  task.put(task.block(1, 3), {3, 4}, "dirty");
  const size_t before = task.bytes();
  task.release_memory();
  EXPECT_LT(task.bytes(), before);
  EXPECT_GT(task.bytes(), 0U);
  ASSERT_NE(task.block(1, 3).find({3, 4}), std::nullopt);
  for (uint64_t p = 0; p < 10; ++p) ASSERT_NE(task.block(1, p).find({p, p}), std::nullopt) << "read back " << p;
  checkpoint(*store, task, "m");
  task.release_memory();
  EXPECT_EQ(task.bytes(), 0U);
}

// Enough rows for many pages, some blocks let go between: what a sorted map would hold, across checkpoints and reopens.
TEST(TaskStore, HoldsWhatASortedMapWouldAcrossCheckpoints) {
  EXPECT_TRUE(rc::check([] {
    const TempDir dir;
    auto store = open(dir.path());
    const size_t memory = *rc::gen::element(0U, 1U << 20);
    auto task = std::make_unique<TaskStore>(store.get(), "a", memory);
    std::map<uint64_t, Rows> oracle;
    for (const int what : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 20))) {
      const auto prefix = *rc::gen::inRange<uint64_t>(0, 4);
      const auto first = *rc::gen::inRange<uint64_t>(0, 300);
      const auto count = *rc::gen::inRange<uint64_t>(1, 100);
      const auto size = *rc::gen::inRange<size_t>(0, 600);
      Block& block = task->block(1, prefix);
      if (what < 10) {
        for (uint64_t i = 0; i < count; ++i) {
          const std::pair key((first + i) * 7919 % 512, i % 3);
          const std::string value(size, static_cast<char>('a' + i % 26));
          task->put(block, {key.first, key.second}, value);
          oracle[prefix][key] = value;
        }
      } else if (what < 16) {
        for (uint64_t i = 0; i < 3 * count; ++i)
          for (uint64_t low = 0; low < 3; ++low) {
            task->erase(block, {(first + i) * 7919 % 512, low});
            oracle[prefix].erase({(first + i) * 7919 % 512, low});
          }
      } else {
        checkpoint(*store, *task, "m");
        RC_ASSERT(!task->dirty());
        RC_ASSERT(task->dirty_bytes() == 0U);
        if (what >= 18) task->release_memory();
        if (what == 19) task = std::make_unique<TaskStore>(store.get(), "a", memory);
      }
    }
    checkpoint(*store, *task, "end");
    for (uint64_t prefix = 0; prefix < 4; ++prefix) {
      RC_ASSERT(scanned(*store, task->task(), 1, prefix) == oracle[prefix]);
      Rows walked;
      for (const Block::Item row : task->block(1, prefix)) walked[{row.key.high, row.key.low}] = std::string(row.value);
      RC_ASSERT(walked == oracle[prefix]);
    }
  }));
}

// A checkpoint costs what has changed, not what the block holds.
TEST(TaskStore, OnlyChangedPagesAreWritten) {
  const TempDir dir;
  const auto store = open(dir.path());
  TaskStore task(store.get(), "a", 64 << 20);
  Block& block = task.block(1, 1);
  for (uint64_t i = 0; i < 10000; ++i) task.put(block, {i * 0x9e3779b97f4a7c15ULL, i}, std::string(100, 'x'));
  EXPECT_GT(task.dirty_bytes(), 1'000'000U);
  checkpoint(*store, task, "m");
  task.put(block, {5 * 0x9e3779b97f4a7c15ULL, 5}, "y");
  EXPECT_LT(task.dirty_bytes(), 20'000U);
  size_t dirty = 0;
  for (const Page& page : block.pages()) dirty += page.dirty() ? 1 : 0;
  EXPECT_EQ(dirty, 1U);
  EXPECT_GT(block.pages().size(), 100U);
}

TEST(Page, DamageIsSeen) {
  Page page({});
  page.put({1, 1}, "one");
  page.put({2, 2}, "two");
  std::string stored;
  page.encode(false, stored);
  EXPECT_EQ(Page({}, stored).rows().size(), 2U);
  EXPECT_THROW(Page({}, stored.substr(0, stored.size() - 1)), std::runtime_error);
  EXPECT_THROW(Page({}, stored + "x"), std::runtime_error);
  EXPECT_THROW(Page({}, ""), std::runtime_error);
  EXPECT_THROW(Page({},
                    "\x7e"
                    "few bytes"),
               std::runtime_error);
}

TEST(TaskStore, BytesComeAndGoWithTheRows) {
  TaskStore task(nullptr, "a", 0);
  Block& block = task.block(1, 1);
  const size_t empty = task.bytes();
  task.put(block, {1, 1}, "x");
  task.put(block, {1, 1}, std::string(500, 'y'));
  EXPECT_GT(task.bytes(), empty + 500);
  task.erase(block, {1, 1});
  task.erase(block, {9, 9});  // never was there
  task.written();
  EXPECT_EQ(task.bytes(), empty);
  EXPECT_EQ(block.find({1, 1}), std::nullopt);
  EXPECT_EQ(task.meta(), "");
}

// Whatever is put, erased and written in whatever order: what a sorted map would hold, and bytes that add up.
TEST(Block, HoldsWhatASortedMapWould) {
  EXPECT_TRUE(rc::check([] {
    Block block;
    std::map<KeyHash, std::string> oracle;
    const auto keys = *rc::gen::inRange<uint64_t>(1, 400);
    for (const int what : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100))) {
      const KeyHash key{*rc::gen::inRange<uint64_t>(0, keys) * 7919 % 401, 5};
      if (what < 60) {
        const std::string value(*rc::gen::inRange<size_t>(0, 9000), static_cast<char>('a' + what % 26));
        block.put(key, value);
        oracle[key] = value;
      } else if (what < 85) {
        block.erase(key);
        oracle.erase(key);
      } else if (what < 90) {
        block.written();
        RC_ASSERT(!block.dirty());
      } else {
        const auto found = block.find(key);
        RC_ASSERT(found.has_value() == oracle.contains(key));
        if (found) RC_ASSERT(*found == oracle[key]);
      }
    }
    size_t bytes = 0;
    size_t dirty = 0;
    for (const Page& page : block.pages()) {
      bytes += page.bytes();
      dirty += page.dirty() ? page.bytes() : 0;
      RC_ASSERT(!page.is_large());
    }
    RC_ASSERT(block.bytes() == bytes);
    RC_ASSERT(block.dirty_bytes() == dirty);
    std::vector<KeyHash> walked;
    for (const Block::Item row : block) {
      walked.push_back(row.key);
      RC_ASSERT(oracle.contains(row.key));
      RC_ASSERT(oracle[row.key] == row.value);
    }
    RC_ASSERT(std::is_sorted(walked.begin(), walked.end()));
    RC_ASSERT(walked.size() == oracle.size());
    std::vector<KeyHash> back;
    for (auto at = block.end(); at != block.begin();) back.push_back((*--at).key);
    std::reverse(back.begin(), back.end());
    RC_ASSERT(back == walked);
    RC_ASSERT(block.empty() == oracle.empty());
  }));
}

}  // namespace
}  // namespace sujip::testing
