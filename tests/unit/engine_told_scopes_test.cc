// A collector that looks every minute tells run.log only what is news.
#include <gtest/gtest.h>

#include "producers/engine/told_scopes.h"

using namespace sujip;
using namespace sujip::engine;

namespace {

constexpr TimeMs kMinute = 60'000;
const TimeMs kMorning = seoul_midnight(*Day::parse("2026-04-10")) + 9 * 60 * kMinute;

NotCollected gap(const std::string& kind, const std::string& what, TimeMs at, bool skipped = true) {
  NotCollected out;
  out.scope = {"medium", "a/b", "ad_keyword", "2026-04-09"};
  out.skipped = skipped;
  out.failure = Failure(kind, {what, "", ""});
  out.finished_ms = at;
  return out;
}

Collected good(const std::string& account, const std::string& hash, TimeMs at) {
  Collected out;
  out.scope = {"medium", account, "account_status", ""};
  out.hash = hash;
  out.finished_ms = at;
  return out;
}

TEST(ToldScopes, ASkipIsToldOnceADayAndWhenTheReasonChanges) {
  ToldScopes told;
  EXPECT_TRUE(told.is_news(gap("skipped", "every campaign is switched off", kMorning)));
  for (int i = 1; i < 600; ++i)
    EXPECT_FALSE(told.is_news(gap("skipped", "every campaign is switched off", kMorning + i * kMinute)));
  EXPECT_TRUE(told.is_news(gap("access_lost", "no right", kMorning + 600 * kMinute)));
  EXPECT_TRUE(told.is_news(gap("access_lost", "no right", kMorning + 15 * 60 * kMinute))) << "the next day in Seoul";
  told.forget();
  EXPECT_TRUE(told.is_news(gap("access_lost", "no right", kMorning + 15 * 60 * kMinute)));
}

TEST(ToldScopes, AFailureThatLastsIsToldEachHour) {
  ToldScopes told;
  int times = 0;
  for (int i = 0; i < 180; ++i)
    times += told.is_news(gap("timeout", "no answer", kMorning + i * kMinute, false)) ? 1 : 0;
  EXPECT_EQ(times, 3);
}

TEST(ToldScopes, WhatIsGoodAgainAfterAGapIsNews) {
  ToldScopes told;
  EXPECT_TRUE(told.is_news(good("1", "h", kMorning)));
  EXPECT_TRUE(told.is_news(good("2", "h", kMorning)));
  EXPECT_FALSE(told.is_news(good("1", "h", kMorning + kMinute)));
  NotCollected failed = gap("timeout", "no answer", kMorning + 2 * kMinute, false);
  failed.scope = good("1", "h", 0).scope;
  EXPECT_TRUE(told.is_news(failed));
  EXPECT_TRUE(told.is_news(good("1", "h", kMorning + 3 * kMinute)));
  EXPECT_FALSE(told.is_news(good("2", "h", kMorning + 3 * kMinute)));
}

}  // namespace
