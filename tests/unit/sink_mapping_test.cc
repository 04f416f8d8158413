// Mappings of topics to users' own tables: what they may say, what they become.

#include <gtest/gtest.h>

#include "sinks/postgres/decode.h"
#include "sinks/postgres/isolate.h"
#include "sinks/postgres/mapping.h"
#include "sinks/postgres/schema.h"
#include "sinks/postgres/write_sql.h"

namespace sujip::sink {
namespace {

constexpr const char* kMapping = R"(
sink: shop
tables:
  - topic: shop.products
    table: public.products
    key: [supplier, code]
    columns:
      supplier: text
      code: {type: text, from: product_code}
      price: bigint
      attributes: jsonb
      updated_at: timestamptz
)";

Table table_of(const std::string& yaml) {
  auto mapping = parse_mapping(yaml, "m.yaml");
  EXPECT_TRUE(mapping.ok()) << mapping.error().message();
  return mapping.ok() ? mapping->targets.begin()->second.table : Table();
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

std::string_view text(const Decoder& decoder, const Table& table, const char* column) {
  return decoder.cells()[static_cast<size_t>(table.column_index(column))].text;
}

bool is_null(const Decoder& decoder, const Table& table, const char* column) {
  return decoder.cells()[static_cast<size_t>(table.column_index(column))].null;
}

TEST(Mapping, PlainRows) {
  const Table table = table_of(kMapping);
  EXPECT_EQ(qualified(table), "\"public\".\"products\"");
  EXPECT_EQ(table.conflict, Conflict::changed);
  EXPECT_EQ(table.revision, -1);
  Decoder decoder(table);
  const std::string key = R"({"supplier":"s","product_code":"c"})";
  const Decoded row = decoder.decode(
      key, R"({"supplier":"s","product_code":"c","name":"ignored","price":5,"attributes":{"a":[1, "x"]},)"
           R"("updated_at":"2026-01-02T03:04:05.678Z"})");
  ASSERT_EQ(row.kind, Kind::upsert) << row.problem;
  EXPECT_EQ(text(decoder, table, "code"), "c");
  EXPECT_EQ(text(decoder, table, "attributes"), R"({"a":[1, "x"]})");
  ASSERT_EQ(decoder.decode(key, {}).kind, Kind::remove);
  EXPECT_EQ(text(decoder, table, "code"), "c");
}

TEST(Mapping, TheKeyFillsWhatTheValueLeavesOut) {
  const Table table = table_of(kMapping);
  Decoder decoder(table);
  ASSERT_EQ(decoder.decode(R"({"supplier":"s","product_code":"c"})", R"({"price":1})").kind, Kind::upsert);
  EXPECT_EQ(text(decoder, table, "supplier"), "s");
  EXPECT_EQ(text(decoder, table, "price"), "1");
  // What the value says itself stays.
  ASSERT_EQ(decoder.decode(R"({"supplier":"s","product_code":"c"})", R"({"supplier":"other"})").kind, Kind::upsert);
  EXPECT_EQ(text(decoder, table, "supplier"), "other");
  EXPECT_EQ(text(decoder, table, "code"), "c");
  EXPECT_EQ(decoder.decode(R"({"supplier":"s"})", R"({"price":1})").problem, "code is missing");
  EXPECT_EQ(decoder.decode({}, R"({"supplier":"s","product_code":"c"})").problem, "the record has no key");
  EXPECT_EQ(decoder.decode("no json", {}).kind, Kind::bad);
}

TEST(Mapping, WritesOnlyWhatChanged) {
  const std::string sql = upsert_batch_sql(table_of(kMapping), Meet::merge);
  EXPECT_NE(sql.find("when matched and (t.\"price\" is distinct from b.\"price\" or t.\"updated_at\" is "
                     "distinct from b.\"updated_at\" or t.\"attributes\" is distinct from b.\"attributes\")"),
            std::string::npos)
      << sql;
}

TEST(Mapping, DebeziumWithRevisionAndMark) {
  const Table table = table_of(R"(
sink: shop
tables:
  - topic: change.product
    format: debezium
    table: shop.items
    key: [code]
    columns:
      code: {from: product_code, type: text}
      rev: {from: source.rev, type: bigint}
      changed: {from: event.ts_ms, type: timestamptz, unit: ms}
      place: {from: kafka.offset, type: bigint}
      removed_at: timestamptz
    revision: rev
    on_delete: {mark: removed_at}
)");
  Decoder decoder(table);
  const Position at{3, 41, 1593936000000};
  const std::string key = R"({"product_code":"c"})";
  ASSERT_EQ(decoder
                .decode(key,
                        R"({"before":null,"after":{"product_code":"c"},"op":"c","ts_ms":1593936000001,)"
                        R"("source":{"rev":7}})",
                        at)
                .kind,
            Kind::upsert);
  EXPECT_EQ(text(decoder, table, "rev"), "7");
  EXPECT_EQ(text(decoder, table, "changed"), "2020-07-05T08:00:00.001Z");
  EXPECT_EQ(text(decoder, table, "place"), "41");
  EXPECT_TRUE(is_null(decoder, table, "removed_at"));
  ASSERT_EQ(decoder.decode(key, R"({"after":null,"op":"d","ts_ms":1,"source":{"rev":8}})", at).kind, Kind::remove);
  EXPECT_EQ(text(decoder, table, "removed_at"), "2020-07-05T08:00:00.000Z");
  EXPECT_EQ(text(decoder, table, "rev"), "8");
  EXPECT_EQ(remove_sql(table, 0),
            "update \"shop\".\"items\" as t set \"removed_at\" = b.\"removed_at\" from "
            "unnest($1::text[], $2::timestamp with time zone[], $3::bigint[]) as b (\"code\", "
            "\"removed_at\", "
            "\"rev\") where t.\"code\" = b.\"code\" and t.\"removed_at\" is null and (t.\"rev\" is "
            "null or "
            "t.\"rev\" <= b.\"rev\")");
}

TEST(Mapping, RefusesWithTheLine) {
  const auto problem = [](const std::string& what, const std::string& by) {
    const auto mapping = parse_mapping(replaced(kMapping, what, by), "m.yaml");
    return mapping.ok() ? "accepted" : mapping.error().message();
  };
  const std::pair<const char*, const char*> wrong[] = {
      {"table: public.products", "table: products"},
      {"price: bigint", "price: int8"},
      {"price: bigint", "price: {type: bigint, form: x}"},
      {"price: bigint", "price: {type: bigint, from: kafka.key}"},
      {"price: bigint", "price: {type: bigint, unit: ms}"},
      {"key: [supplier, code]", "key: [supplier, product_code]"},
      {"key: [supplier, code]", "key: []"},
      {"sink: shop", "sinks: shop"},
      {"key: [supplier, code]", "key: [supplier]\n    revision: updated_at"},
      {"key: [supplier, code]", "key: [supplier]\n    on_delete: forget"},
      {"key: [supplier, code]", "key: [supplier]\n    on_delete: {mark: price}"},
      {"topic: shop.products", "format: row"},
      {"price: bigint", "supplier: bigint"},
      {"price: bigint", "price: ["},
  };
  for (const auto& [what, by] : wrong) EXPECT_TRUE(problem(what, by).starts_with("m.yaml:")) << problem(what, by);
  EXPECT_EQ(problem("price: bigint", "price: int8").substr(0, 35), "m.yaml:10: 'int8' is no type; allow");
  EXPECT_EQ(problem("sink: shop", "sink: shop"), "accepted");
}

TEST(Mapping, ComparesWithTheTable) {
  const Table table = table_of(kMapping);
  std::vector<ExistingColumn> existing = {
      {"supplier", "character varying(20)"}, {"code", "text"}, {"price", "integer"}, {"attributes", "jsonb"}};
  auto missing = missing_columns(table, existing);
  ASSERT_TRUE(missing.ok()) << missing.error().message();
  ASSERT_EQ(missing->size(), 1U);
  EXPECT_EQ(missing->front().name, "updated_at");
  existing[3].type = "text";
  EXPECT_FALSE(missing_columns(table, existing).ok());
}

TEST(Isolate, LastOfEachKey) {
  const Table table = table_of(kMapping);
  Rows rows(table.columns.size());
  const auto add = [&](const char* code, uint32_t message) {
    std::vector<Cell> cells(table.columns.size());
    cells[0] = {"s", false};
    if (code != nullptr) cells[1] = {code, false};
    rows.add(cells, {message});
  };
  add("a", 9);
  add("b", 1);
  add("a", 3);
  add(nullptr, 4);
  add("b", 2);
  EXPECT_EQ(last_of_each_key(table, rows), (std::vector<uint32_t>{0, 3, 4}));
}

}  // namespace
}  // namespace sujip::sink
