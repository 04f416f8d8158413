// The vendor's signature (vectors) and the join of its two reports.
#include <gtest/gtest.h>

#include "producers/engine/decoder.h"
#include "producers/engine/naver_searchad.h"

using namespace sujip;
using namespace sujip::engine;

namespace {

constexpr const char* kPlain = "test-secret-0001";
constexpr const char* kLooksLikeBase64 = "AQAAAABkZW1vLXNlY3JldC1mb3ItdGVzdHM9PQ==";

TEST(NaverSearchAd, SignatureVectors) {
  struct Vector {
    const char *secret, *method, *path, *signature;
    int64_t at = 1700000000000;
  };
  const Vector vectors[] = {
      {kPlain, "GET", "/ncc/campaigns", "Uxv+gHhn7t9OQ7U9NwIeqlwY/xom/05T0aHrOY6ANkQ="},
      {kPlain, "GET", "/ncc/campaigns", "9490cIGw/5uIBbS2uzYigzRF2+xkRZJIiliKm7gR7hQ=", 1700000000001},
      {kPlain, "POST", "/stat-reports", "/HS5xn69PMTQzqwR2zQA6fJ8M9fmUStZTy3gsS1pJoo="},
      {kPlain, "DELETE", "/stat-reports/123456789", "4IMA6cFuhFa4avMtDz/BdqKLEnbz6BZ7hZcmXQFBo1Y="},
      {kPlain, "GET", "/report-download", "M7o2uSHkLlZxD3ruDW+XUZMJeEeQTodC8SOFScg//tw="},
      {kLooksLikeBase64, "GET", "/ncc/campaigns", "8PEBgMWOy7o7q0ZgeZ0jxhp6bYAbJn6/D1zkcsQQ4dc="},
  };
  for (const Vector& v : vectors)
    EXPECT_EQ(naver_searchad::signature(v.secret, v.at, v.method, v.path), v.signature) << v.path;
}

Records rows(std::string_view text, bool conversion) {
  std::vector<std::string> columns = {"date", "customerId",   "campaignId", "adGroupId", "keywordId",
                                      "adId", "bizChannelId", "mediaCode",  "pcMobile"};
  for (const char* name : {"imp", "click", "cost", "sumOfRank", "viewCount"})
    if (!conversion) columns.push_back(name);
  for (const char* name : {"convMethod", "convType", "convCount", "salesByConv"})
    if (conversion) columns.push_back(name);
  auto out = decode_rows(text, '\t', columns);
  EXPECT_TRUE(out.ok());
  return std::move(out).value();
}

TEST(NaverSearchAd, JoinsBothSidesAndSumsExactly) {
  const Records ad = rows(
      "20260101\t1\tc\tg\tk1\ta\tb\t10\tP\t3\t1\t0.1\t5\t0\n"
      "20260101\t1\tc\tg\tk2\ta\tb\t10\tP\t4\t0\t0.2\t6\t0\n",
      false);
  const Records conversions = rows(
      "20260101\t1\tc\tg\tk2\ta\tb\t10\tP\t1\tpurchase\t1\t39000\n"
      "20260101\t1\tc\tg\tk2\ta\tb\t10\tP\t2\tlead\t2\t0\n"
      "20260101\t1\tx\tg\t-\ta\tb\t10\tM\t1\tlead\t1\t0\n",
      true);
  const auto groups = naver_searchad::report_rows(ad, conversions, {}, false);
  ASSERT_TRUE(groups.ok());
  ASSERT_EQ(groups.value().size(), 2u);
  const Object& first = groups.value()[0].object();
  EXPECT_EQ(first.find("imp")->string(), "7");
  EXPECT_EQ(first.find("cost")->string(), "0.3");
  EXPECT_EQ(first.find("convCount")->string(), "3");
  EXPECT_EQ(first.find("purchaseSales")->string(), "39000");
  // A conversion without any impression of that day.
  EXPECT_EQ(groups.value()[1].object().find("imp")->string(), "0");
  const auto keywords = naver_searchad::report_rows(ad, conversions, {}, true);
  ASSERT_TRUE(keywords.ok());
  EXPECT_EQ(keywords.value().size(), 3u);
}

TEST(NaverSearchAd, RefusesShortRowsAndWordsInNumbers) {
  EXPECT_FALSE(decode_rows("a\tb\n", '\t', {"x", "y", "z"}).ok());
  const Records ad = rows("20260101\t1\tc\tg\tk1\ta\tb\t10\tP\tmany\t1\t0.1\t5\t0\n", false);
  const auto out = naver_searchad::report_rows(ad, {}, {}, true);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().kind, "bad_answer");
}

}  // namespace
