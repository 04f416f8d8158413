// Texts, languages and numbers of the board.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "monitoring/board/format.h"
#include "monitoring/board/words.h"
#include "monitoring/state.h"

namespace sujip::board {
namespace {

TEST(BoardWords, EveryIdHasBothLanguagesOnce) {
  std::set<std::string_view> seen;
  for (const Word& w : words()) {
    EXPECT_TRUE(seen.insert(w.id).second) << w.id << " is there twice";
    EXPECT_FALSE(w.ko.empty()) << w.id;
    EXPECT_FALSE(w.en.empty()) << w.id;
  }
}

TEST(BoardWords, EveryStateHasAWord) {
  for (const auto& state : monitoring::kStates) {
    const std::string id = "state." + std::string(state.code);
    EXPECT_NE(word(Language::ko, id), id);
    EXPECT_NE(word(Language::en, id), id);
  }
}

TEST(BoardWords, ParameterBeatsCookieBeatsBrowser) {
  EXPECT_EQ(choose_language("en", "ko", "ko"), Language::en);
  EXPECT_EQ(choose_language("", "en", "ko"), Language::en);
  EXPECT_EQ(choose_language("xx", "", "en-US,en;q=0.9,ko;q=0.8"), Language::en);
  EXPECT_EQ(choose_language("", "", "en;q=0.3, ko-KR;q=0.9"), Language::ko);
  EXPECT_EQ(choose_language("", "", "de"), Language::ko);
}

TEST(BoardFormat, Numbers) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(999), "999");
  EXPECT_EQ(number(1000), "1,000");
  EXPECT_EQ(number(-1234567), "-1,234,567");
  EXPECT_EQ(number(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(BoardFormat, DaysAndTimesAreThoseOfSeoul) {
  EXPECT_EQ(day_text(Language::ko, Day::of(2026, 11, 19)), "2026-11-19 (목)");
  EXPECT_EQ(day_text(Language::en, Day::of(2026, 11, 19)), "2026-11-19 (Thu)");
  const auto at = parse_time("2026-11-18T22:10:00Z", 0);
  ASSERT_TRUE(at);
  EXPECT_EQ(time_text(Language::ko, *at), "2026-11-19 (목) 07:10");
}

TEST(BoardFormat, TextIsSafe) {
  EXPECT_EQ(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  EXPECT_EQ(shell_quote("a'b"), "'a'\\''b'");
}

}  // namespace
}  // namespace sujip::board
