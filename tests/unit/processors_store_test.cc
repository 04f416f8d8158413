#include <gtest/gtest.h>
#include <rapidcheck.h>

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
  Store::View(store).scan(task, space, prefix, [&](const KeyHash& k, std::string_view v) {
    const std::pair now(k.high, k.low);
    EXPECT_TRUE(out.empty() || last < now) << "not in key order";
    last = now;
    out[last] = std::string(v);
  });
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

// Rows and deletes written without a look at the store end in the same state, across checkpoints and reopens.
TEST(TaskStore, BlindWritesLeaveWhatLookedUpOnesWould) {
  EXPECT_TRUE(rc::check([] {
    const TempDir dir;
    auto store = open(dir.path());
    auto task = std::make_unique<TaskStore>(store.get(), "a", 1 << 20);
    std::map<uint64_t, Rows> oracle;
    task->set_blind(*rc::gen::arbitrary<bool>());
    for (const int what : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 20))) {
      const auto prefix = *rc::gen::inRange<uint64_t>(0, 4);
      const KeyHash key{*rc::gen::inRange<uint64_t>(0, 6), 9};
      Block& block = task->block(1, prefix);
      if (what < 10) {
        const auto value = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
        task->put(block, key, value);
        oracle[prefix][{key.high, key.low}] = value;
      } else if (what < 16) {
        task->erase(block, key);
        oracle[prefix].erase({key.high, key.low});
      } else {
        checkpoint(*store, *task, "m");
        RC_ASSERT(!task->dirty());
        RC_ASSERT(task->dirty_bytes() == 0U);
        if (what == 18) task->set_blind(!task->blind());
        if (what == 19) {
          const bool blind = task->blind();
          task = std::make_unique<TaskStore>(store.get(), "a", 1 << 20);
          task->set_blind(blind);
        }
      }
    }
    checkpoint(*store, *task, "end");
    task->set_blind(false);
    for (uint64_t prefix = 0; prefix < 4; ++prefix) {
      RC_ASSERT(scanned(*store, task->task(), 1, prefix) == oracle[prefix]);
      for (const auto& [key, value] : oracle[prefix])
        RC_ASSERT(task->block(1, prefix).find({key.first, key.second}) == std::optional<std::string_view>(value));
    }
  }));
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

// Whatever is put, erased and written in whatever order: what a sorted map would hold.
TEST(Block, HoldsWhatASortedMapWould) {
  struct Kept {
    std::string value;
    bool dirty;
  };
  EXPECT_TRUE(rc::check([] {
    Block block;
    std::map<KeyHash, Kept> oracle;
    const auto keys = *rc::gen::inRange<uint64_t>(1, 80);
    for (const int what : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 100))) {
      const KeyHash key{*rc::gen::inRange<uint64_t>(0, keys) * 7919 % 101, 5};
      if (what < 60) {
        const auto value = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
        block.put(key, value);
        oracle[key] = {value, true};
      } else if (what < 85) {
        block.erase(key);
        oracle.erase(key);
      } else if (what < 90) {
        block.written();
        for (auto& [k, kept] : oracle) kept.dirty = false;
      } else {
        const auto found = block.find(key);
        RC_ASSERT(found.has_value() == oracle.contains(key));
        if (found) RC_ASSERT(*found == oracle[key].value);
      }
    }
    std::map<KeyHash, Kept> left;
    const KeyHash* last = nullptr;
    for (const Block::Row& row : block.sorted()) {
      const bool ascending = last == nullptr || *last < row.key;
      RC_ASSERT(ascending);
      last = &row.key;
      if (!row.deleted) left[row.key] = {std::string(block.value(row)), row.dirty};
    }
    RC_ASSERT(left.size() == oracle.size());
    for (const auto& [key, kept] : oracle) {
      RC_ASSERT(left.contains(key));
      RC_ASSERT(left[key].value == kept.value);
      RC_ASSERT(left[key].dirty == kept.dirty);
      RC_ASSERT(block.find(key) == std::optional<std::string_view>(kept.value));
    }
  }));
}

}  // namespace
}  // namespace sujip::testing
