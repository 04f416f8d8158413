#include "processors/runtime/pace.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "cli/give_way.h"

namespace sujip {
namespace {

using std::chrono::milliseconds;

TEST(Pace, WithoutARateAllMayBeRead) {
  Pace pace;
  EXPECT_EQ(pace.grant(2000), 2000u);
  EXPECT_EQ(pace.grant(2000), 2000u);
}

// Whoever asks, whenever and for how much: never more than the rate and one burst (a twentieth of a
// second), and not less than the rate either while somebody asks all the time.
TEST(Pace, KeepsTheRate) {
  EXPECT_TRUE(rc::check([] {
    const auto rate = *rc::gen::inRange(200, 50000);
    Pace pace;
    const Pace::Clock::time_point began{};
    auto now = began;
    pace.set(rate, now);
    double granted = 0;
    const auto most = [&] { return rate * (0.05 + std::chrono::duration<double>(now - began).count()) + 1; };
    for (int i = 0; i < 200; ++i) {
      now += milliseconds(*rc::gen::inRange(0, 40));
      const auto asked = static_cast<size_t>(*rc::gen::inRange(1, 3000));
      const size_t got = pace.grant(asked, now);
      RC_ASSERT(got <= asked);
      const auto there = static_cast<size_t>(*rc::gen::inRange<size_t>(0, got + 1));
      pace.put_back(got - there);
      granted += static_cast<double>(there);
      RC_ASSERT(granted <= most());
    }
    for (const auto until = now + milliseconds(2000); now < until;) {
      now += milliseconds(10);
      granted += static_cast<double>(pace.grant(100000, now));
    }
    RC_ASSERT(granted <= most());
    RC_ASSERT(granted >= 1.95 * rate - 1);
  }));
}

// Several threads take the time, and come in another order.
TEST(Pace, ATimeFromBeforeGivesNothing) {
  Pace pace;
  const Pace::Clock::time_point began{};
  pace.set(1000, began);
  const auto now = began + milliseconds(500);
  EXPECT_EQ(pace.grant(2000, now), 50u);
  pace.set(1000, began + milliseconds(100));
  EXPECT_EQ(pace.grant(2000, now), 0u);
  EXPECT_EQ(pace.grant(2000, began + milliseconds(200)), 0u);
  EXPECT_EQ(pace.grant(2000, now + milliseconds(10)), 10u);
}

TEST(NextPace, FasterWhileLiveDataAreInTimeAndSlowerWhenLate) {
  EXPECT_GT(next_pace(5000, 0.1, 0.1, 1000), 5000);
  EXPECT_LT(next_pace(5000, 0.2, 0.1, 1000), 5000);
  EXPECT_LT(next_pace(5000, 0.4, 0.1, 1000), next_pace(5000, 0.14, 0.1, 1000));
}

TEST(NextPace, WithoutLiveDataThereIsNothingToGiveWayTo) { EXPECT_GE(next_pace(5000, std::nullopt, 0.1, 0), 1e6); }

// A machine on which the delay grows with the rate: the pace comes to where it is somewhat above the
// usual one, from wherever it starts, and stays there.
TEST(NextPace, ComesToRestWhereLiveDataAreSomewhatLater) {
  EXPECT_TRUE(rc::check([] {
    const double usual = *rc::gen::inRange(30, 1000) / 1000.0;
    const double bears = *rc::gen::inRange(4000, 100000);  // at this rate it is twice as late
    double rate = *rc::gen::inRange(600, 200000);
    const auto late = [&] { return usual * (1 + rate / bears); };
    for (int i = 0; i < 100; ++i) rate = next_pace(rate, late(), usual, 100);
    RC_ASSERT(late() > 1.1 * usual);
    RC_ASSERT(late() < 1.5 * usual);
    const double there = rate;
    rate = next_pace(rate, late(), usual, 100);
    RC_ASSERT(std::abs(rate - there) < 0.01 * there);
  }));
}

TEST(NextPace, NeverSoSlowThatNewDataOutrunIt) {
  double rate = 5000;
  for (int i = 0; i < 100; ++i) rate = next_pace(rate, 60.0, 0.1, 1000);
  EXPECT_GT(rate, 1000);
  EXPECT_LT(rate, 5000);
}

}  // namespace
}  // namespace sujip
