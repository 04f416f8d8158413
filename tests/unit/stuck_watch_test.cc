#include "processors/runtime/stuck_watch.h"

#include <gtest/gtest.h>

#include "core/exit_codes.h"

namespace sujip {
namespace {

using std::chrono::milliseconds;

// Waits for the watch to end the process, or fails after a minute.
void wait_for_the_end() { std::this_thread::sleep_for(std::chrono::minutes(1)); }

TEST(StuckWatchDeathTest, ALaneThatDoesNotComeBackEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StuckWatch watch({milliseconds(200), std::chrono::hours(1)});
        watch.watch("one that ended").reset();
        const auto lane = watch.watch("entity lane 7");
        wait_for_the_end();
      },
      testing::ExitedWithCode(kExitEnvironment), "entity lane 7 has not come back");
}

TEST(StuckWatchDeathTest, SoDoesOneThatDoesNotStop) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        StuckWatch watch({std::chrono::hours(1), milliseconds(200)});
        watch.watch("one that ended").reset();
        const auto lane = watch.watch("scope lane 0");
        watch.stopping();
        wait_for_the_end();
      },
      testing::ExitedWithCode(kExitEnvironment), "scope lane 0 has not come back");
}

TEST(StuckWatch, LanesThatBeatOrAreGoneAreLeftAlone) {
  StuckWatch watch({milliseconds(400), milliseconds(400)});
  watch.watch("one that ended").reset();
  {
    const auto lane = watch.watch("one that works");
    const auto end = std::chrono::steady_clock::now() + milliseconds(1200);
    while (std::chrono::steady_clock::now() < end) {
      lane->round();
      std::this_thread::yield();
    }
  }
  watch.stopping();
  const auto end = std::chrono::steady_clock::now() + milliseconds(800);
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

}  // namespace
}  // namespace sujip
