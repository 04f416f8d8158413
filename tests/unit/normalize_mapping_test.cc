#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>

#include "processors/normalize/normalizers.h"
#include "topics/row_json.h"

namespace sujip {
namespace {

const std::string kRoot = SUJIP_SOURCE_DIR;

const Datasets& datasets() {
  static const Datasets all = [] {
    auto loaded = Datasets::load(kRoot + "/topics/datasets");
    if (!loaded) throw std::runtime_error(loaded.error().message());
    return std::move(*loaded);
  }();
  return all;
}

const MappingSet& shipped() {
  static const std::unique_ptr<MappingSet> set = [] {
    auto loaded = MappingSet::load(kRoot + "/producers/connectors", datasets());
    if (!loaded) throw std::runtime_error(loaded.error().message());
    return std::move(*loaded);
  }();
  return *set;
}

// The row as JSON, or the reason why there is none.
std::string row_json(const Normalizer& normalizer, const Dataset& dataset, std::string_view record, const Scope& scope,
                     std::string_view key = "k") {
  RowBuilder row(dataset);
  if (const Status s = normalizer.normalize(record, key, scope, row); !s.ok()) return s.error().message();
  std::string bytes;
  row.encode(bytes);
  std::vector<FieldValue> values;
  if (!decode_row(dataset, bytes, values)) return "damaged";
  std::string json;
  append_row_json(json, dataset, values);
  return json;
}

std::string danawa(std::string_view record) {
  return row_json(*shipped().find("danawa", "product"), *datasets().find("product"), record,
                  {"danawa", "danawa", "product", "CPU"});
}

// A blank in front changes nothing of a record but the way in which it is read.
TEST(Mapping, TheShortWaySaysWhatTheLongOneSays) {
  const auto parsed = parse_dataset(R"(
dataset: d
raw: raw.d
plain: true
scope: [source, account, day]
key: [source, account, day, number]
fields:
  - {name: source}
  - {name: account}
  - {name: day, type: date}
  - {name: number, type: integer}
  - {name: price, type: decimal, scale: 3}
  - {name: open, type: boolean}
  - {name: at, type: timestamp}
  - {name: title}
  - {name: data, type: json}
  - {name: needed, required: true}
date: day
)",
                                    "d.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  const Datasets set({*parsed});
  const Dataset& dataset = *set.find("d");
  constexpr const char* kRecord =
      R"({"source":"s","account":"a","day":"2026-02-28","number":17,"price":-12.5,"open":true,)"
      R"("at":"2026-02-28T01:02:03Z","title":"가 \"나\"","needed":"x"})";
  int rows = 0;
  EXPECT_TRUE(rc::check([&] {
    const Mapping mapping = Mapping::identity(dataset);
    (void)row_json(mapping, dataset, kRecord, {});  // it has seen the order of the columns
    std::string text = kRecord;
    const int changes = *rc::gen::inRange(0, 3);
    for (int i = 0; i < changes; ++i) {
      const auto at = *rc::gen::inRange<size_t>(0, text.size());
      const auto piece = *rc::gen::element<std::string>(
          "\"", "\\", "\\\"", "\\n", "\\u00e9", "\\u0000", "{", "}", ":", ",", "0", "00", "7", "-", "e", ".", ".1234",
          "999999999999999999", " ", "\n", "\xff", "한", "null", "true", R"("17")", R"(,"number":5)", R"(,"other":[1])",
          R"(,"data":{"a":1})", "");
      text.replace(at, *rc::gen::inRange<size_t>(0, 5), piece);
    }
    const std::string short_way = row_json(mapping, dataset, text, {});
    const std::string long_way = row_json(mapping, dataset, " " + text, {});
    RC_ASSERT(short_way == long_way);
    rows += short_way.front() == '{' ? 1 : 0;
  }));
  EXPECT_GT(rows, 10);
}

TEST(DanawaMapping, PriceIsNullUnlessAPlainNumberAboveZero) {
  EXPECT_EQ(danawa(R"({"id":"12","name":"코어 i5","price":"57,750"})"),
            R"({"source":"danawa","account":"danawa","section":"CPU","product_code":"12","name":"코어 i5",)"
            R"("price":57750,"price_text":"57,750","currency":"KRW","stock":null,"sale_state":null,)"
            R"("category":null,"url":null,"extra":null})");
  for (const char* none : {"0", "일시품절", "쿠팡_512,500", "1TB_104,520|500GB_138원/1GB_68,770", "가격비교예정"}) {
    const std::string json = danawa(std::string(R"({"id":"12","name":"x","price":")") + none + "\"}");
    EXPECT_NE(json.find("\"price\":null,\"price_text\":\"" + std::string(none) + "\""), std::string::npos) << json;
  }
  EXPECT_NE(danawa(R"({"id":"12","name":"x","price":"1","color":"red","a":[1, 2]})")
                .find(R"("extra":{"a":[1, 2],"color":"red"})"),
            std::string::npos);
  EXPECT_EQ(danawa(R"({"name":"x","price":"1"})"), "field product_code: a value is required");
}

TEST(RetailMapping, AmountsAreExact) {
  const Dataset& dataset = *datasets().find("order_item");
  const Normalizer& mapping = *shipped().find("online_retail", "order_item");
  const Scope scope{"online_retail", "uci", "order_item", "2010-12-01"};
  const auto json = [&](std::string_view record) { return row_json(mapping, dataset, record, scope, "ab-0"); };
  EXPECT_EQ(json(R"({"InvoiceNo":"536365","StockCode":"85123A","Description":"HOLDER","Quantity":"6",)"
                 R"("InvoiceDate":"2010-12-01 08:26:00","UnitPrice":"2.55","CustomerID":"17850.0",)"
                 R"("Country":"United Kingdom"})"),
            R"({"source":"online_retail","account":"uci","order_date":"2010-12-01","order_no":"536365",)"
            R"("line_id":"ab-0","sku":"85123A","product_name":"HOLDER","quantity":6,"unit_price":2.55,)"
            R"("amount":15.3,"currency":"GBP","ordered_at":"2010-12-01T08:26:00.000Z","buyer":"17850",)"
            R"("country":"United Kingdom","cancelled":false,"extra":null})");
  const std::string cancelled =
      json(R"({"InvoiceNo":"C1","StockCode":"S","Description":"","Quantity":"-12","InvoiceDate":)"
           R"("2010-12-01 09:00:00","UnitPrice":"0.295","CustomerID":"","Country":"EIRE"})");
  EXPECT_NE(cancelled.find(R"("quantity":-12,"unit_price":0.295,"amount":-3.54,)"), std::string::npos) << cancelled;
  EXPECT_NE(cancelled.find(R"("buyer":null,"country":"EIRE","cancelled":true)"), std::string::npos) << cancelled;
  EXPECT_EQ(json(R"({"InvoiceNo":"1","StockCode":"S","Quantity":"six","InvoiceDate":"2010-12-01 09:00:00",)"
                 R"("UnitPrice":"1"})")
                .substr(0, 32),
            "field quantity: template `{{ rec");
}

TEST(Identity, ReadsItsOwnRowsBack) {
  const Dataset& dataset = *datasets().find("order_item");
  const Normalizer& identity = shipped().identity(dataset);
  const std::string row =
      R"({"source":"a","account":"b","order_date":"2011-01-05","order_no":"1","line_id":"2","sku":null,)"
      R"("product_name":"quote \" and \\ back","quantity":-3,"unit_price":0.0001,"amount":-1566.23,)"
      R"("currency":"GBP","ordered_at":"2011-01-05T09:00:00.000Z","buyer":null,"country":"한국",)"
      R"("cancelled":true,"extra":{"x":[1,{"y":null}]}})";
  EXPECT_EQ(row_json(identity, dataset, row, {}), row);
}

// Whatever a row holds, its JSON reads back as the same bytes.
TEST(Identity, IsTheInverseOfWritingARow) {
  const Dataset& dataset = *datasets().find("order_item");
  const Normalizer& identity = shipped().identity(dataset);
  std::mt19937_64 random(5);
  const std::vector<std::string> texts = {"", "x", "한글", "\"", "\\", "a\nb", "\t", "{}", "null", "0", "é\x01"};
  for (int i = 0; i < 3000; ++i) {
    RowBuilder row(dataset);
    for (size_t f = 0; f < dataset.fields.size(); ++f) {
      const auto field = static_cast<int>(f);
      const Field& declared = dataset.fields[f];
      if (!declared.required && random() % 3 == 0) continue;
      switch (declared.type) {
        case FieldType::string:
          row.set_text(field, texts[random() % texts.size()]);
          break;
        case FieldType::json:
          row.set_text(field, R"({"k":[1,"é\n"]})");
          break;
        case FieldType::boolean:
          row.set_number(field, static_cast<int64_t>(random() % 2));
          break;
        case FieldType::date:
          row.set_number(field, static_cast<int64_t>(random() % 40000));
          break;
        case FieldType::timestamp:
          row.set_number(field, static_cast<int64_t>(random() % 4000000000000));
          break;
        default:
          row.set_number(field, static_cast<int64_t>(random() >> (random() % 64)) * (random() % 2 ? 1 : -1));
      }
    }
    std::string bytes;
    row.encode(bytes);
    std::vector<FieldValue> values;
    ASSERT_TRUE(decode_row(dataset, bytes, values));
    std::string json;
    append_row_json(json, dataset, values);
    RowBuilder again(dataset);
    const Status s = identity.normalize(json, "", {}, again);
    ASSERT_TRUE(s.ok()) << s.error().message() << "\n" << json;
    std::string back;
    again.encode(back);
    EXPECT_EQ(back, bytes) << json;
  }
}

TEST(Identity, RefusesWhatDoesNotFit) {
  const Dataset& dataset = *datasets().find("product");
  const Normalizer& identity = shipped().identity(dataset);
  const auto with = [&](const std::string& rest) {
    return row_json(identity, dataset, R"({"source":"a","account":"b","section":"c","product_code":"p")" + rest + "}",
                    {});
  };
  EXPECT_EQ(with(R"(,"price":"일시품절")"),
            "field price: '일시품절' is not a decimal with at most 4 digits behind the point");
  EXPECT_EQ(with(R"(,"price":1.23456)"),
            "field price: '1.23456' is not a decimal with at most 4 digits behind the point");
  EXPECT_EQ(with(R"(,"stock":1.5)"), "field stock: '1.5' is not a whole number");
  EXPECT_EQ(with(R"(,"stock":99999999999999999999)"), "field stock: '99999999999999999999' is not a whole number");
  EXPECT_EQ(with(R"(,"stock":[1])"), "field stock: '[1]' is not a whole number");
  EXPECT_EQ(with(R"(,"name":{"a":1})"), "field name: '{\"a\":1}' is not a text");
  EXPECT_EQ(with(R"(,"name":"a\u0000b")"), "field name: the text holds a NUL character");
  EXPECT_EQ(with(R"(,"other":"a\u0000b")"), "column other: the text holds a NUL character");
  EXPECT_EQ(with(R"(,"other":[1,,2])"), "column other: damaged JSON");
  for (const char* broken : {"", "[]", "1", "{", "{\"a\":}", "{} x", "{\"a\":tru}", "{\"a\" \"b\"}", "\xff"})
    EXPECT_EQ(row_json(identity, dataset, broken, {}).substr(0, 31), "the record is not a JSON object") << broken;
  EXPECT_NE(with(R"(,"stock":"12","price":"1e2","name":7)")
                .find(R"("name":"7","price":100,"price_text":null,"currency":null,"stock":12)"),
            std::string::npos);
}

TEST(MappingFiles, ErrorsNameLineAndWhatIsAllowed) {
  const auto error = [](const std::string& yaml) {
    const auto file = parse_mapping(yaml, "m.yaml", datasets());
    return file.ok() ? std::string("none") : file.error().message();
  };
  const std::string head = "source: x\ndatasets:\n  product:\n    fields:\n";
  EXPECT_EQ(error(head + "      product_code: \"{{ record['id'] }}\"\n"), "none");
  EXPECT_NE(error("source: x\ndatasets:\n  produkt: {}\n").find("m.yaml:3: unknown dataset 'produkt' (allowed: "),
            std::string::npos);
  EXPECT_NE(error(head + "      product_code: a\n      prize: b\n").find("m.yaml:6: unknown key 'prize'"),
            std::string::npos);
  EXPECT_NE(error(head + "      product_code: \"{{ record['id' }}\"\n").find("m.yaml:5: product_code: template"),
            std::string::npos);
  EXPECT_NE(error(head + "      product_code: \"{{ config.x }}\"\n").find("allowed: record, key, scope"),
            std::string::npos);
  EXPECT_NE(error(head + "      name: a\n").find("key field 'product_code' is not mapped"), std::string::npos);
  EXPECT_NE(
      error(head + "      product_code: a\n      product_code: b\n").find("m.yaml:6: 'product_code' is given twice"),
      std::string::npos);
  EXPECT_NE(error("datasets: [").find("m.yaml:"), std::string::npos);
}

TEST(MappingOptions, SkipScopeAndPassthrough) {
  const std::string yaml =
      "source: x\ndatasets:\n  product:\n    passthrough: true\n"
      "    skip_if: \"{{ record['type'] == 'total' }}\"\n    fields:\n"
      "      product_code: \"{{ scope['slice'] ~ '-' ~ record['no'] ~ '-' ~ key }}\"\n"
      "      category: \"{{ record.get('cat', 'none') }}\"\n";
  auto file = parse_mapping(yaml, "m.yaml", datasets());
  ASSERT_TRUE(file.ok()) << file.error().message();
  const Mapping& mapping = file->datasets.at("product");
  const Dataset& dataset = *datasets().find("product");
  const Scope scope{"x", "acc", "product", "S1"};
  RowBuilder row(dataset);
  std::string reason;
  EXPECT_EQ(mapping.apply(R"({"type":"total"})", "k", scope, row, reason), Mapping::Outcome::skipped);
  const std::string json = row_json(mapping, dataset, R"({"no":7,"name":"n","price":"1.5"})", scope);
  EXPECT_NE(json.find(R"("section":"S1","product_code":"S1-7-k","name":"n","price":1.5)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("category":"none")"), std::string::npos) << json;
}

}  // namespace
}  // namespace sujip
