#include "processors/runtime/fault_point.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>

namespace sujip {
namespace {

// The variable is read once per process: each case is a process of its own.
void pass(const char* fault, const char* stage, const char* name, int times) {
  setenv("SUJIP_FAULT", fault, 1);
  for (int i = 0; i < times; ++i) fault_point(stage, name);
  std::_Exit(7);
}

class FaultPointDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(FaultPointDeathTest, KillsAtTheNthPassage) {
  EXPECT_EXIT(pass("before_commit:3", "entity", "before_commit", 3), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(pass("before_commit:3", "entity", "before_commit", 2), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(pass("before_commit", "entity", "before_commit", 1), testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FaultPointDeathTest, OnlyInTheNamedStage) {
  EXPECT_EXIT(pass("rollup.after_commit", "entity", "after_commit", 5), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(pass("rollup.after_commit", "rollup", "after_commit", 1), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(pass("rollup.after_commit", "rollup", "commit", 5), testing::ExitedWithCode(7), "");
}

TEST_F(FaultPointDeathTest, SeveralAndDelays) {
  EXPECT_EXIT(pass("a:*:delay=1,b:2:kill", "entity", "b", 2), testing::KilledBySignal(SIGKILL), "");
  EXPECT_EXIT(
      {
        setenv("SUJIP_FAULT", "a:*:delay=20", 1);
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 3; ++i) fault_point("entity", "a");
        std::_Exit(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(60) ? 5 : 6);
      },
      testing::ExitedWithCode(5), "");
}

TEST_F(FaultPointDeathTest, NothingWithoutTheVariable) {
  EXPECT_EXIT(pass("", "entity", "before_commit", 3), testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace sujip
