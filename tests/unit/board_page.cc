// The page and its matrix, from data made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monitoring/board/board_json.h"
#include "monitoring/board/matrix.h"
#include "monitoring/board/page.h"
#include "monitoring/health_metrics.h"

namespace sujip::board {
namespace {

using monitoring::BoardData;
using monitoring::Slice;
using monitoring::Source;
using ::testing::HasSubstr;
using ::testing::Not;

Slice slice(const std::string& account, const std::string& dataset, Day day, const std::string& state,
            int64_t rows = 10) {
  Slice s;
  s.source = "media";
  s.account = account;
  s.dataset = dataset;
  s.slice = s.column = day.str();
  s.scope = "media/" + account + "/" + dataset + "/" + s.slice;
  s.kind = "daily";
  s.date = day;
  s.state = state;
  s.rows = rows;
  return s;
}

BoardData sample() {
  BoardData data;
  data.at = *parse_time("2026-11-19T04:10:00Z", 0);
  const Day first = Day::of(2026, 9, 1);
  for (int d = 0; d < 60; ++d) {
    data.slices.push_back(slice("a", "ad_performance", first + d, "collected"));
    data.slices.push_back(slice("a", "ad_keyword", first + d, d == 59 ? "missing" : "collected"));
    data.slices.push_back(slice("b", "ad_performance", first + d, "excluded", 0));
  }
  Source media;
  media.name = "media";
  media.kind = "daily";
  media.slices = 180;
  media.overdue = 1;
  media.states = {{"collected", 119}, {"missing", 1}, {"excluded", 60}};
  media.complete_through = first + 58;
  data.sources = {media};
  Source fine;
  fine.name = "shop";
  fine.kind = "daily";
  fine.slices = 2;
  fine.states = {{"collected", 1}, {"restated", 1}};
  data.sources.push_back(fine);
  return data;
}

TEST(BoardMatrix, ShowsTheNewestColumnsAndPages) {
  const BoardData data = sample();
  const Matrix newest = arrange(data, "media", "");
  ASSERT_EQ(newest.columns.size(), kColumns);
  EXPECT_EQ(newest.columns.back(), "2026-10-30");
  EXPECT_TRUE(newest.has_older);
  EXPECT_FALSE(newest.has_newer);
  const Matrix older = arrange(data, "media", newest.columns.front());
  EXPECT_EQ(older.columns.size(), 60 - kColumns);
  EXPECT_LT(older.columns.back(), newest.columns.front());
  EXPECT_FALSE(older.has_older);
  EXPECT_TRUE(older.has_newer);
}

TEST(BoardMatrix, ACellIsAsBadAsItsWorstSlice) {
  const BoardData data = sample();
  const Matrix matrix = arrange(data, "media", "");
  ASSERT_EQ(matrix.rows.size(), 2u);
  EXPECT_EQ(matrix.rows[0].account, "a");  // has the problem, so it comes first
  EXPECT_EQ(matrix.rows[0].cells.back().state, "missing");
  EXPECT_EQ(matrix.rows[0].cells.front().state, "collected");
  EXPECT_EQ(matrix.rows[1].cells.back().state, "excluded");
  EXPECT_FALSE(matrix.rows[1].has_problem);
}

TEST(BoardPage, VerdictInBothLanguages) {
  const BoardData data = sample();
  EXPECT_EQ(verdict(data, Language::ko), "13:10 기준 - 2개 출처 중 1개 수집 완료, 1개 확인 필요: media (누락 1)");
  EXPECT_EQ(verdict(data, Language::en), "As of 13:10 - 1 of 2 sources complete, 1 needs attention: media (1 missing)");
}

TEST(BoardPage, EscapesWhatVendorsSay) {
  BoardData data = sample();
  data.problems.push_back({"media", "media/a", "collect", "", "failed", "<script>x</script>", "", 0});
  data.problem_count = 1;
  const std::string page = board_page(data, {});
  EXPECT_THAT(page, Not(HasSubstr("<script>x")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;x"));
}

TEST(BoardPage, HeldRunsSayHowToDecide) {
  BoardData data = sample();
  monitoring::HeldRun held;
  held.source = "danawa";
  held.scope = "danawa/main/product/CPU";
  held.run = "20200705T084436000Z-18f";
  data.held.push_back(held);
  const std::string page = board_page(data, {});
  EXPECT_THAT(page, HasSubstr("sujip scope release &#39;danawa/main/product/CPU&#39;"));
  EXPECT_THAT(page, HasSubstr("sujip scope reject &#39;danawa/main/product/CPU&#39;"));
}

TEST(BoardPage, NothingIsInlineForThePolicy) {
  const std::string page = board_page(sample(), {});
  EXPECT_THAT(page, Not(HasSubstr("style=")));
  EXPECT_THAT(page, Not(HasSubstr("onclick")));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
}

TEST(BoardPage, OnlyProblemsHidesTheRest) {
  View view;
  view.source = "media";
  view.only_problems = true;
  const std::string page = board_main(sample(), view);
  EXPECT_THAT(page, HasSubstr("<th scope=\"row\">a</th>"));
  EXPECT_THAT(page, Not(HasSubstr("<th scope=\"row\">b</th>")));
}

TEST(BoardHealth, APausedAccountKeepsNothingFromBeingComplete) {
  Source source;
  source.slices = 2;
  source.states = {{"collected", 1}, {"excluded", 1}};
  EXPECT_TRUE(source.is_complete());
  EXPECT_EQ(source.state(), "collected");
  source.states["running"] = 1;
  EXPECT_FALSE(source.is_complete());
}

TEST(BoardHealth, VolumeIsComparedWithTheSameWeekday) {
  BoardData data;
  const Day newest = Day::of(2026, 11, 19);
  for (int week = 0; week <= 4; ++week)
    data.slices.push_back(slice("a", "ad_performance", newest - 7 * week, "collected", week == 0 ? 50 : 100 * week));
  Source source;
  source.name = "media";
  source.kind = "daily";
  source.complete_through = newest;
  const auto ratio = monitoring::volume_ratio(data, source);
  ASSERT_TRUE(ratio);
  EXPECT_DOUBLE_EQ(*ratio, 0.2);  // 50 against the median of 100, 200, 300, 400
  data.slices.resize(2);
  EXPECT_FALSE(monitoring::volume_ratio(data, source));
}

}  // namespace
}  // namespace sujip::board
