// The mapping of naver_searchad turns the connector's own sample records into complete rows.
#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "core/expressions/value.h"
#include "processors/normalize/mapping_file.h"
#include "topics/row_json.h"

using namespace sujip;

namespace {

Value mapped(const std::string& dataset, const std::string& scope, const std::string& record) {
  const std::string root = SUJIP_SOURCE_DIR;
  const auto datasets = Datasets::load(root + "/topics/datasets");
  const auto file = load_mapping(root + "/producers/connectors/naver_searchad/mapping.yaml", *datasets);
  EXPECT_TRUE(file.ok()) << file.error().message();
  for (const auto& [name, mapping] : file->datasets) {
    if (name != dataset) continue;
    RowBuilder row(*datasets->find(dataset));
    const Status status = mapping.normalize(record, "", *Scope::parse(scope), row);
    EXPECT_TRUE(status.ok()) << status.error().message();
    std::string binary, json;
    row.encode(binary);
    std::vector<FieldValue> fields;
    EXPECT_TRUE(decode_row(*datasets->find(dataset), binary, fields));
    append_row_json(json, *datasets->find(dataset), fields);
    return *parse_json(json);
  }
  ADD_FAILURE() << "no mapping for " << dataset;
  return Value(Object{});
}

TEST(NaverSearchAdMapping, TakesEverySampleRecord) {
  std::ifstream in(std::string(SUJIP_SOURCE_DIR) + "/producers/connectors/naver_searchad/samples/records.jsonl");
  std::set<std::string> seen;
  for (std::string line; std::getline(in, line);) {
    const Value sample = *parse_json(line);
    const auto text = [&](const char* name) { return sample.object().find(name)->string(); };
    const Value& record = *sample.object().find("record");
    const Value row = mapped(text("dataset"), text("scope"), to_json(record));
    seen.insert(text("dataset"));
    EXPECT_EQ(row.object().find("currency")->string(), "KRW");
    if (text("dataset") == "ad_performance" || text("dataset") == "ad_keyword") {
      EXPECT_EQ(python_text(*row.object().find("impressions")), record.object().find("imp")->string());
      EXPECT_EQ(row.object().find("cost_vat")->string(), "included");
      EXPECT_THAT(row.object().find("device")->string(), testing::AnyOf("pc", "mobile"));
    }
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST(NaverSearchAdMapping, CostBeforeTheSwitchIsWithoutTax) {
  const Value row =
      mapped("ad_performance", "naver_searchad/1/ad_performance/2026-03-29",
             R"({"date":"20260329","campaignId":"c","adGroupId":"g","pcMobile":"M","imp":"3","click":"1",)"
             R"("cost":"10.5","sumOfRank":"5","viewCount":"0","convCount":"0","salesByConv":"0",)"
             R"("purchaseCount":"0","purchaseSales":"0","conversionTypes":[],"campaignTp":null,)"
             R"("campaignName":null})");
  EXPECT_EQ(row.object().find("cost_vat")->string(), "excluded");
  EXPECT_EQ(to_json(*row.object().find("cost")), "10.5");
  EXPECT_EQ(row.object().find("campaign_type")->string(), "unknown");
}

TEST(NaverSearchAdMapping, AnAccountWithoutAccessHasAState) {
  const Value row = mapped("account_status", "naver_searchad/1/account_status", R"({"customerId":1,"access":"lost"})");
  EXPECT_EQ(row.object().find("state")->string(), "access_lost");
  EXPECT_FALSE(row.object().find("active")->boolean());
  EXPECT_TRUE(row.object().find("balance")->is_null());
}

}  // namespace
