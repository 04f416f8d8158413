// Records per second and core of the normalizer: the identity form of a wide row, and a mapping with
// three columns.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "processors/normalize/mapping_file.h"

namespace {

using sujip::Dataset;
using sujip::Datasets;
using sujip::Mapping;
using sujip::RowBuilder;
using sujip::Scope;

// 16 fields; records of about 415 bytes.
constexpr const char* kWide = R"(dataset: ad_wide
raw: raw.report
scope: [source, account, date]
key: [source, account, date, campaign_id, ad_id]
date: date
currency: currency
fields:
  - {name: source}
  - {name: account}
  - {name: date, type: date}
  - {name: campaign_id}
  - {name: campaign_name}
  - {name: ad_id}
  - {name: keyword}
  - {name: device}
  - {name: currency}
  - {name: impressions, type: integer}
  - {name: clicks, type: integer}
  - {name: cost, type: decimal, scale: 4}
  - {name: conversions, type: integer}
  - {name: revenue, type: decimal, scale: 4}
  - {name: active, type: boolean}
  - {name: updated_at, type: timestamp}
)";

std::string wide_record(int i) {
  const std::string n = std::to_string(100000 + i);
  return R"({"source":"naver_searchad","account":"brand-account-)" + n + R"(","date":"2026-10-01",)" +
         R"("campaign_id":"cmp-a001-01-000000000)" + n + R"(","campaign_name":"가을 프로모션 캠페인 )" + n +
         R"(","ad_id":"nad-a001-01-000000)" + n + R"(","keyword":"무선 이어폰 추천","device":"mobile",)" +
         R"("currency":"KRW","impressions":)" + n + R"(,"clicks":123,"cost":45678.5,"conversions":7,)" +
         R"("revenue":389000.25,"active":true,"updated_at":"2026-10-02T03:04:05.000Z"})";
}

void run(benchmark::State& state, const Mapping& mapping, const Dataset& dataset,
         const std::vector<std::string>& records, const Scope& scope) {
  RowBuilder row(dataset);
  std::string bytes;
  std::string reason;
  size_t i = 0;
  size_t read = 0;
  for (auto _ : state) {
    const std::string& record = records[i++ % records.size()];
    if (mapping.apply(record, "key-0", scope, row, reason) != Mapping::Outcome::row) {
      state.SkipWithError(reason.c_str());
      break;
    }
    bytes.clear();
    row.encode(bytes);
    benchmark::DoNotOptimize(bytes.data());
    read += record.size();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(read));
}

void identity(benchmark::State& state) {
  auto dataset = sujip::parse_dataset(kWide, "wide.yaml");
  if (!dataset) return state.SkipWithError(dataset.error().message().c_str());
  const Mapping mapping = Mapping::identity(*dataset);
  std::vector<std::string> records;
  for (int i = 0; i < 1000; ++i) records.push_back(wide_record(i));
  state.SetLabel(std::to_string(records[0].size()) + " bytes");
  run(state, mapping, *dataset, records, {});
}
BENCHMARK(identity);

const Datasets& datasets() {
  static const Datasets all = std::move(*sujip::Datasets::load(SUJIP_SOURCE_DIR "/topics/datasets"));
  return all;
}

void danawa(benchmark::State& state) {
  auto file = sujip::load_mapping(SUJIP_SOURCE_DIR "/producers/connectors/danawa/mapping.yaml", datasets());
  if (!file) return state.SkipWithError(file.error().message().c_str());
  std::vector<std::string> records;
  const char* prices[] = {"57,750", "0", "일시품절", "1,234,500"};
  for (int i = 0; i < 1000; ++i)
    records.push_back(R"({"id":")" + std::to_string(10000000 + i) +
                      R"j(","name":"인텔 코어i5-10세대 10400F (코멧레이크S) (정품)","price":")j" + prices[i % 4] +
                      "\"}");
  run(state, file->datasets.at("product"), *datasets().find("product"), records,
      {"danawa", "danawa", "product", "CPU"});
}
BENCHMARK(danawa);

void online_retail(benchmark::State& state) {
  auto file = sujip::load_mapping(SUJIP_SOURCE_DIR "/producers/connectors/online_retail/mapping.yaml", datasets());
  if (!file) return state.SkipWithError(file.error().message().c_str());
  std::vector<std::string> records;
  for (int i = 0; i < 1000; ++i)
    records.push_back(R"({"InvoiceNo":"536)" + std::to_string(100 + i % 900) +
                      R"(","StockCode":"85123A","Description":"WHITE HANGING HEART T-LIGHT HOLDER",)"
                      R"("Quantity":"6","InvoiceDate":"2010-12-01 08:26:00","UnitPrice":"2.55",)"
                      R"("CustomerID":"17850.0","Country":"United Kingdom"})");
  run(state, file->datasets.at("order_item"), *datasets().find("order_item"), records,
      {"online_retail", "uci", "order_item", "2010-12-01"});
}
BENCHMARK(online_retail);

}  // namespace

BENCHMARK_MAIN();
