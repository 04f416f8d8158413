#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "topics/scope.h"

namespace sujip {
namespace {

TEST(Scope, SubjectNamesItsParts) {
  EXPECT_EQ((Scope{"shop", "a", "order_item", "2011-01-05"}.subject()), "shop/a/order_item/2011-01-05");
  EXPECT_EQ((Scope{"shop", "a", "product", ""}.subject()), "shop/a/product");
  EXPECT_EQ((Scope{"a/b", "50%", "product", "그래픽카드\n"}.subject()), "a%2Fb/50%25/product/그래픽카드%0A");
  EXPECT_EQ(Scope::parse("a%2Fb/50%25/product/CPU"), (Scope{"a/b", "50%", "product", "CPU"}));
}

TEST(Scope, RefusesWhatIsNoSubject) {
  for (const char* text :
       {"", "/", "a", "a/b", "a//c", "/b/c", "a/b/c/", "a/b/c/d/e", "a/b/%4", "a/b/%", "a/b/%G1", "a/b/%-1"})
    EXPECT_FALSE(Scope::parse(text)) << text;
}

TEST(Scope, OddCharactersSurvive) {
  EXPECT_TRUE(rc::check("subject and parse are inverse for any bytes", [] {
    const auto part = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
    Scope scope{*part, *part, *part, ""};
    if (*rc::gen::arbitrary<bool>()) scope.slice = *part;
    const std::string subject = scope.subject();
    RC_ASSERT(std::count(subject.begin(), subject.end(), '/') == (scope.slice.empty() ? 2 : 3));
    RC_ASSERT(std::none_of(subject.begin(), subject.end(),
                           [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    RC_ASSERT(Scope::parse(subject) == scope);
  }));
}

TEST(RunId, TextOfASnapshot) {
  const RunId run{*parse_time("2020-07-05T08:44:36.007Z", 0), 0x18f3a2b4c5d};
  EXPECT_EQ(run.str(), "20200705T084436007Z-18f3a2b4c5d");
  EXPECT_EQ(RunId::parse(run.str()), run);
  EXPECT_TRUE(RunId{}.empty());
  EXPECT_FALSE(run.empty());
}

TEST(RunId, RefusesOtherTexts) {
  for (const char* text : {"", "20200705T084436007Z", "20200705T084436007Z-", "20200705T084436007Z-xyz",
                           "20201305T084436007Z-1", "2020-07-05T08:44:36.007Z-1", "20200705T084436007Z-1 "})
    EXPECT_FALSE(RunId::parse(text)) << text;
}

TEST(RunId, NewerBySnapshotThenByAcceptance) {
  EXPECT_TRUE(rc::check([] {
    const auto any = [] {
      return RunId{*rc::gen::inRange<int64_t>(0, 4000000000000), *rc::gen::inRange<int64_t>(0x10000000, 0x7fffffff)};
    };
    const RunId a = any();
    RunId b = any();
    if (*rc::gen::arbitrary<bool>()) b.snapshot_ms = a.snapshot_ms;
    RC_ASSERT(RunId::parse(a.str()) == a);
    RC_ASSERT((a < b) == (std::pair(a.snapshot_ms, a.seq) < std::pair(b.snapshot_ms, b.seq)));
    // As many digits: the texts sort as the runs do.
    RC_ASSERT((a < b) == (a.str() < b.str()));
  }));
}

}  // namespace
}  // namespace sujip
