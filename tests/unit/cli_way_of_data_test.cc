// The way of the data as `topology`, `lag` and `reset` see it is the one the program has.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/readers.h"
#include "cli/way_of_data.h"
#include "sinks/postgres/tables.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

const Datasets& declared() {
  static const Datasets all = Datasets::load(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets").value();
  return all;
}

std::set<std::string> names(const std::vector<std::string>& all) { return {all.begin(), all.end()}; }

TEST(WayOfData, EveryTopicIsWrittenBySomebodyAndReadOrState) {
  const WayOfData way = way_of_data(declared(), "p.");
  std::set<std::string> known;
  std::set<std::string> written;
  std::set<std::string> read;
  for (const WayTopic& t : way.topics) known.insert(t.name);
  EXPECT_EQ(known.size(), topics::catalogue(declared(), "p.").size());
  for (const WayStage& stage : way.stages) {
    written.insert(stage.writes.begin(), stage.writes.end());
    read.insert(stage.reads.begin(), stage.reads.end());
  }
  for (const WayTopic& t : way.topics) {
    EXPECT_TRUE(!t.derived || written.contains(t.name)) << t.name;
    // A task's state is nobody's input.
    const bool state =
        t.name.starts_with("p.scope.") || t.name.starts_with("p.distinct.") || t.name.starts_with("p.asis.");
    // So far nothing is made of activities.
    const bool later = t.name == "p." + std::string(topics::kRawActivity);
    EXPECT_TRUE(state || later || read.contains(t.name)) << t.name;
  }
  for (const std::string& topic : read) EXPECT_TRUE(known.contains(topic)) << topic;
  for (const std::string& topic : written) EXPECT_TRUE(known.contains(topic)) << topic;
}

TEST(WayOfData, NothingThatCollectorsWroteIsDerived) {
  const auto derived = names(way_of_data(declared(), "p.").derived_topics());
  for (const std::string& topic : topics::raw_topics()) EXPECT_FALSE(derived.contains("p." + topic)) << topic;
  for (const Dataset& d : declared().all()) EXPECT_FALSE(derived.contains("p." + d.raw_topic));
  EXPECT_FALSE(derived.contains("p." + std::string(topics::kRunLog)));
  EXPECT_TRUE(derived.contains("p." + std::string(topics::kScopeRun)));
  EXPECT_TRUE(derived.contains("p.change.product"));
}

TEST(WayOfData, EveryTableOfTheDeclarationsIsThere) {
  std::set<std::string> tables;
  for (const WayTable& t : way_of_data(declared(), "").tables) tables.insert(t.table);
  for (const sink::Table& table : sink::declared_tables(declared(), "sujip_g1"))
    EXPECT_TRUE(tables.contains("sujip_g1." + table.name)) << table.name;
  for (const char* name :
       {"sujip_g1.change_log", "sujip.run_log", "sujip_g1.dead_letter", "sujip_g1.product_price_history"})
    EXPECT_TRUE(tables.contains(name)) << name;
}

TEST(WayOfData, AsTextAndAsAGraph) {
  const WayOfData way = way_of_data(declared(), "p.");
  const std::string text = to_text(way);
  const std::string dot = to_dot(way);
  for (const WayTopic& t : way.topics) {
    EXPECT_NE(text.find(t.name), std::string::npos) << t.name;
    EXPECT_NE(dot.find("\"" + t.name + "\" [shape"), std::string::npos) << t.name;
  }
  EXPECT_NE(text.find("p.change.product -> sujip_g1.product, sujip_g1.product_price_history"), std::string::npos)
      << text;
  EXPECT_NE(dot.find("\"stage entity\" -> \"p.change.product\";"), std::string::npos);
  EXPECT_NE(dot.find("\"stage scope\" -> \"p.raw.catalog\" [style=dashed"), std::string::npos);
  EXPECT_EQ(std::count(dot.begin(), dot.end(), '{'), std::count(dot.begin(), dot.end(), '}'));
}

TEST(WayOfData, ReadersAreTheStagesAndTheSink) {
  std::vector<std::string> groups;
  for (const Reader& reader : readers(declared(), "p.")) {
    groups.push_back(reader.group);
    EXPECT_FALSE(reader.topics.empty());
    EXPECT_EQ(reader.in_database, reader.name == "sink");
    // Deltas of as-is rollups come back to the stage that reads them.
    EXPECT_EQ(reader.passes, reader.name == "rollup" ? 2 : 1) << reader.name;
  }
  EXPECT_EQ(groups, (std::vector<std::string>{"p.sujip-entity", "p.sujip-rollup", "p.sujip-scope", "p.sujip-sink"}));
  const Datasets none({*declared().find("order_item")});
  for (const Reader& reader : readers(none, "p.")) EXPECT_EQ(reader.passes, 1) << reader.name;
}

}  // namespace
}  // namespace sujip
