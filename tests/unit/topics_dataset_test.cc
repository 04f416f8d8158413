#include <gtest/gtest.h>
#include <simdjson.h>

#include "tests/unit/support/temp_dir.h"
#include "topics/catalogue.h"
#include "topics/dataset.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace sujip {
namespace {

std::string problem(const std::string& yaml) {
  const auto d = parse_dataset(yaml, "x.yaml");
  return d.ok() ? "" : d.error().message();
}

const std::string kGood = R"(dataset: thing
raw: raw.catalog
scope: [source, account]
key: [source, account, id]
fields:
  - {name: source}
  - {name: account}
  - {name: id, type: integer}
  - {name: price, type: decimal, scale: 2}
  - {name: day, type: date}
)";

TEST(Declaration, ShippedOnesLoad) {
  const auto all = Datasets::load(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets");
  ASSERT_TRUE(all.ok()) << all.error().message();
  ASSERT_GE(all->all().size(), 6U);
  for (const char* name : {"account", "account_status", "ad_performance", "ad_keyword", "product", "order_item"})
    EXPECT_NE(all->find(name), nullptr) << name;
  EXPECT_EQ(all->find("nothing"), nullptr);
  const Dataset& order = *all->find("order_item");
  EXPECT_EQ(order.change_topic(), "change.order_item");
  EXPECT_EQ(order.scope.size(), 3U);
  EXPECT_TRUE(order.fields[static_cast<size_t>(order.field_index("line_id"))].required);
  EXPECT_EQ(all->find("product")->guard.min_rows, 20);
  EXPECT_EQ(all->find("product")->partition, PartitionBy::key);
  EXPECT_EQ(all->plain_of(order.raw_topic), &order);
  // Names that are used in topics and tables.
  std::set<std::string> topics;
  for (const auto& spec : topics::catalogue(*all, "p.")) {
    EXPECT_TRUE(spec.name.starts_with("p.")) << spec.name;
    EXPECT_TRUE(topics.insert(spec.name).second) << spec.name << " twice";
  }
  for (const char* name :
       {"p.raw.order", "p.change.order_item", "p.scope.order_item", "p.rollup.order_item", "p.distinct.order_item",
        "p.delta.rollup", "p.scope.tally", "p.scope.run", "p.run.log", "p.dead.letter"})
    EXPECT_TRUE(topics.contains(name)) << name;
  EXPECT_FALSE(topics.contains("p.rollup.product"));
  EXPECT_TRUE(topics.contains("p.asis.ad_performance"));
  EXPECT_FALSE(topics.contains("p.asis.order_item"));
}

TEST(Declaration, ATableByMonthNeedsItsDateInTheKey) {
  const std::string by_month = "table: {partition: month}\n";
  EXPECT_NE(problem(kGood + by_month).find("needs 'date'"), std::string::npos);
  EXPECT_NE(problem(kGood + "date: day\n" + by_month).find("in the key"), std::string::npos);
  std::string keyed = kGood;
  keyed.replace(keyed.find("account, id]"), 12, "account, id, day]");
  const auto dataset = parse_dataset(keyed + "date: day\n" + by_month, "x.yaml");
  ASSERT_TRUE(dataset.ok()) << dataset.error().message();
  EXPECT_TRUE(dataset->by_month);
  EXPECT_NE(problem(keyed + "date: day\ntable: {partition: week}\n").find("partition: month"), std::string::npos);
  EXPECT_NE(problem(keyed + "date: day\ntable: {storage: ram}\n").find("'storage' is not known"), std::string::npos);
}

TEST(Declaration, SchemasAreJson) {
  const auto all = Datasets::load(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets");
  ASSERT_TRUE(all.ok());
  for (const Dataset& d : all->all())
    for (const std::string& schema :
         {row_schema(d), change_schema(d), change_key_schema(d), rollup_schema(d), rollup_key_schema(d)}) {
      simdjson::dom::parser parser;
      simdjson::dom::element root;
      ASSERT_FALSE(parser.parse(schema).get(root)) << schema;
      std::string_view draft;
      ASSERT_FALSE(root["$schema"].get(draft)) << schema;
      EXPECT_EQ(draft, "https://json-schema.org/draft/2020-12/schema");
    }
}

// docs/schemas/ is what other programs were told: a difference is a change of the public interface.
TEST(Declaration, SchemasAreThoseInTheDocs) {
  const std::string folder = std::string(SUJIP_SOURCE_DIR) + "/docs/schemas/";
  const auto all = Datasets::load(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets");
  ASSERT_TRUE(all.ok());
  size_t files = 0;
  for (const Dataset& d : all->all()) {
    std::map<std::string, std::string> schemas = {{"change", change_schema(d)}, {"change-key", change_key_schema(d)}};
    if (d.has_rollup()) {
      schemas.emplace("rollup", rollup_schema(d));
      schemas.emplace("rollup-key", rollup_key_schema(d));
    }
    for (const auto& [kind, schema] : schemas) {
      simdjson::dom::parser told, made;
      simdjson::dom::element a, b;
      const std::string file = folder + kind + "." + d.name + ".json";
      ASSERT_FALSE(told.load(file).get(a)) << file;
      ASSERT_FALSE(made.parse(schema).get(b));
      EXPECT_EQ(simdjson::minify(a), simdjson::minify(b))
          << "when it is meant: sujip topics schema " << d.name << " --of " << kind
          << " | python3 -m json.tool --no-ensure-ascii > docs/schemas/" << kind << "." << d.name << ".json";
      ++files;
    }
  }
  const std::filesystem::directory_iterator there(folder);
  EXPECT_EQ(static_cast<size_t>(std::distance(begin(there), end(there))), files);
}

TEST(Declaration, ErrorsNameFileLineAndWhatIsAllowed) {
  ASSERT_EQ(problem(kGood), "");
  const auto replaced = [](const std::string& from, const std::string& to) {
    std::string out = kGood;
    out.replace(out.find(from), from.size(), to);
    return problem(out);
  };
  const auto has = [](const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks " << part;
  };
  has(replaced("raw:", "row:"), {"x.yaml:2", "'row' is not known", "allowed:", "raw"});
  has(replaced("type: integer", "type: int"), {"x.yaml:8", "type 'int' is not known", "decimal"});
  has(replaced("scale: 2", "scale: 12"), {"x.yaml:9", "0 to 9"});
  has(replaced("key: [source, account, id]", "key: [source, account, nr]"), {"x.yaml:4", "'nr' is not a field"});
  has(replaced("key: [source, account, id]", "key: [source, id]"), {"x.yaml:4", "'account' is missing"});
  has(replaced("scope: [source, account]", "scope: [source]"), {"x.yaml:3", "source, account"});
  has(replaced("{name: price,", "{name: id,"), {"x.yaml:9", "'id' stands twice"});
  has(replaced("{name: price,", "{nome: price,"), {"x.yaml:9", "'nome' is not known", "volatile"});
  has(problem(kGood + "partition: both\n"), {"x.yaml:11", "scope | key"});
  has(problem(kGood + "date: price\n"), {"x.yaml:11", "must be of type date"});
  has(problem(kGood + "measures:\n  - {name: n, sum: day}\n"), {"x.yaml:12", "integer or decimal"});
  has(problem(kGood + "measures:\n  - {name: n}\n"), {"x.yaml:12", "sum", "distinct"});
  has(problem(kGood + "rollups:\n  all: []\n"), {"rollups need 'date'"});
  has(problem(kGood + "date: day\nrollups:\n  all: price\n"), {"x.yaml:13", "list of dimensions", "as_is"});
  has(problem(kGood + "guard: {share: 1}\n"), {"x.yaml:11", "deleted_share"});
  has(problem("dataset: [a"), {"x.yaml:1"});
  has(problem("raw: raw.order\n"), {"x.yaml:1", "'dataset' is missing"});
}

TEST(Declaration, AsIs) {
  const auto parsed = [](const std::string& rollup) {
    return parse_dataset(kGood + "date: day\nrollups:\n  now: " + rollup + "\n", "x.yaml");
  };
  const auto d = parsed("{dimensions: [source, price], as_is: [source, account, id]}");
  ASSERT_TRUE(d.ok()) << d.error().message();
  EXPECT_TRUE(d->has_as_is());
  EXPECT_EQ(d->rollups[0].dimensions, (std::vector<int>{0, 3}));
  EXPECT_EQ(d->rollups[0].as_is, (std::vector<int>{0, 1, 2}));
  // Only dimensions are columns of the totals.
  EXPECT_EQ(d->rollup_dimensions(), (std::vector<int>{0, 3}));
  const auto was = parsed("{dimensions: [source, price]}");
  ASSERT_TRUE(was.ok()) << was.error().message();
  EXPECT_FALSE(was->has_as_is());
  EXPECT_FALSE(parsed("[source, price]")->has_as_is());

  const auto refused = [&](const std::string& rollup, const char* what) {
    const auto bad = parsed(rollup);
    ASSERT_FALSE(bad.ok()) << rollup;
    EXPECT_NE(bad.error().message().find("x.yaml:13"), std::string::npos) << bad.error().message();
    EXPECT_NE(bad.error().message().find(what), std::string::npos) << bad.error().message();
  };
  refused("{dimensions: [source], as_was: [source]}", "allowed: dimensions, as_is");
  refused("{as_is: [source]}", "'dimensions' must be a list");
  refused("{dimensions: price, as_is: [source]}", "'dimensions' must be a list");
  refused("{dimensions: [price], as_is: []}", "the fields that name what is moved");
  refused("{dimensions: [price], as_is: source}", "the fields that name what is moved");
  refused("{dimensions: [price], as_is: [nobody]}", "'nobody' is not a field");
  refused("{dimensions: [price], as_is: [source, day]}", "must outlive a day, leave it out");
  refused("{dimensions: [price], as_is: [source, source]}", "'source' stands twice");
  refused("{dimensions: [source], as_is: [source, id]}", "no dimension is left that could change: add it");
  refused("{dimensions: [], as_is: [source, id]}", "no dimension is left that could change");
}

TEST(Declaration, AFolderStopsAtTheFirstBadFile) {
  const testing::TempDir dir;
  std::ofstream(dir.path() + "/a.yaml") << kGood;
  std::ofstream(dir.path() + "/b.yaml") << "dataset: x\nfoo: 1\n";
  std::ofstream(dir.path() + "/notes.txt") << "not read";
  const auto all = Datasets::load(dir.path());
  ASSERT_FALSE(all.ok());
  EXPECT_NE(all.error().message().find("b.yaml:2"), std::string::npos) << all.error().message();
  EXPECT_FALSE(Datasets::load(dir.path() + "/none").ok());
}

}  // namespace
}  // namespace sujip
