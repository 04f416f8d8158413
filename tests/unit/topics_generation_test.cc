// How things are called in a generation, which one is live, and what it folds.

#include "topics/generation.h"

#include <gtest/gtest.h>

#include <set>

#include "topics/catalogue.h"

namespace sujip::topics {
namespace {

const Datasets& declared() {
  static const Datasets all = Datasets::load(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets").value();
  return all;
}

TEST(Generation, TheFirstHasThePlainNames) {
  const Names names("p.");
  for (const auto& spec : catalogue(declared(), "")) EXPECT_EQ(names.topic(spec.name), "p." + spec.name);
  EXPECT_EQ(names.group("entity"), group_of("p.", "entity"));
  EXPECT_EQ(names.schema(), "sujip_g1");
  EXPECT_EQ(names.folder("process"), "p.process-");
}

TEST(Generation, NothingThatIsMadeIsSharedAndWhatWasCollectedIs) {
  const Names first("p.");
  const Names second("p.", 2);
  std::set<std::string> raw;
  for (const Dataset& d : declared().all()) raw.insert(d.raw_topic);
  for (const auto& spec : catalogue(declared(), "")) {
    const bool shared = first.topic(spec.name) == second.topic(spec.name);
    EXPECT_EQ(shared, !is_derived(spec.name)) << spec.name;
    EXPECT_TRUE(shared || !raw.contains(spec.name)) << spec.name;
  }
  for (const std::string& topic : raw_topics()) EXPECT_FALSE(is_derived(topic)) << topic;
  EXPECT_NE(first.group("entity"), second.group("entity"));
  EXPECT_NE(first.schema(), second.schema());
  // Folders of one are found by how their names begin.
  EXPECT_FALSE(second.folder("process").starts_with(first.folder("process")));
  EXPECT_FALSE(Names("p.", 12).folder("process").starts_with(Names("p.", 1).folder("process")));
}

TEST(Generation, PlainNamesAreFoundAgain) {
  for (const int n : {1, 2, 12}) {
    const Names names("p.", n);
    for (const auto& spec : catalogue(declared(), "")) EXPECT_EQ(names.plain(names.topic(spec.name)), spec.name);
  }
  EXPECT_EQ(Names("", 2).topic("change.product"), "g2.change.product");
  EXPECT_EQ(without_generation("g12.dead.letter"), kDeadLetter);
  for (const char* other : {"change.product", "g2", "g.change.product", "g2.raw.order", "goods.change.x", ""})
    EXPECT_EQ(without_generation(other), other);
}

TEST(Generation, TopicsOfAGenerationAreThoseOfItsDatasets) {
  Generation g;
  g.number = 3;
  g.datasets = {"product"};
  std::set<std::string> topics;
  for (const auto& spec : derived_catalogue(g.of(declared()), {"p.", 3})) topics.insert(spec.name);
  EXPECT_TRUE(topics.contains("p.g3.change.product"));
  EXPECT_TRUE(topics.contains("p.g3.scope.tally"));
  EXPECT_FALSE(topics.contains("p.g3.change.order_item"));
  for (const std::string& topic : topics) EXPECT_TRUE(topic.starts_with("p.g3.")) << topic;
}

TEST(Generation, StatesHaveNames) {
  for (const auto state : {GenerationState::building, GenerationState::ready, GenerationState::live,
                           GenerationState::former, GenerationState::dropping, GenerationState::dropped})
    EXPECT_EQ(parse_generation_state(name_of(state)), state);
  EXPECT_EQ(parse_generation_state("gone"), std::nullopt);
  EXPECT_TRUE(is_kept_in_step(GenerationState::former));
  EXPECT_FALSE(is_kept_in_step(GenerationState::building));
  EXPECT_FALSE(is_kept_in_step(GenerationState::dropping));
}

TEST(Generation, LiveIsSaidByDataset) {
  const LiveGenerations live = {{"", 1}, {"product", 2}};
  EXPECT_EQ(live_generation(live, "product"), 2);
  EXPECT_EQ(live_generation(live, "order_item"), 1);
  EXPECT_EQ(live_generation({}, "order_item"), 1);
  Liveness first(1);
  Liveness second(2);
  EXPECT_TRUE(first.is_live("product"));  // until it is told otherwise
  EXPECT_FALSE(second.any());
  first.tell(live);
  second.tell(live);
  EXPECT_FALSE(first.is_live("product"));
  EXPECT_TRUE(first.is_live("order_item"));
  EXPECT_TRUE(second.is_live("product"));
  EXPECT_TRUE(second.any());
  EXPECT_FALSE(second.decides("order_item"));
}

TEST(Generation, ThereIsAlwaysOneThatDecides) {
  Liveness first(1);
  Liveness second(2);
  const LiveGenerations swapped = {{"", 2}};
  // Whichever hears of it first.
  first.tell(swapped);
  EXPECT_TRUE(first.decides("product") || second.decides("product"));
  second.tell(swapped);
  EXPECT_TRUE(second.decides("product"));
  // A generation that was never live does not decide because of a swap of others.
  Liveness third(3);
  third.tell(swapped);
  EXPECT_FALSE(third.decides("product"));
}

TEST(Generation, ScopesAreSelectedByTheirDate) {
  Generation g;
  g.from = Day::parse("2024-03-04");
  g.to = Day::parse("2024-03-05");
  const Selection selection(g);
  const TimeMs long_ago = 0;
  EXPECT_TRUE(selection.takes({"s", "a", "order_item", "2024-03-04"}, long_ago));
  EXPECT_TRUE(selection.takes({"s", "a", "order_item", "2024-03-05"}, long_ago));
  EXPECT_FALSE(selection.takes({"s", "a", "order_item", "2024-03-06"}, long_ago));
  EXPECT_FALSE(selection.takes({"s", "a", "order_item", "2024-03-03"}, long_ago));
  // A section has no date: that of its snapshot in Seoul, which begins nine hours before that of UTC.
  const Scope section{"s", "a", "product", "CPU"};
  EXPECT_TRUE(selection.takes(section, seoul_midnight(*g.from)));
  EXPECT_FALSE(selection.takes(section, seoul_midnight(*g.from) - 1));
  EXPECT_FALSE(selection.takes(section, seoul_midnight(*g.to + 1)));
}

TEST(Generation, DatasetsAreSelectedByName) {
  EXPECT_TRUE(Selection().everything());
  Generation g;
  EXPECT_TRUE(Selection(g).everything());
  g.datasets = {"product"};
  const Selection selection(g);
  EXPECT_FALSE(selection.everything());
  EXPECT_TRUE(selection.takes({"s", "a", "product", "CPU"}, 0));
  EXPECT_FALSE(selection.takes({"s", "a", "order_item", "2024-03-04"}, 0));
}

TEST(Generation, OnlyTopicsOfRowsBelongToADataset) {
  EXPECT_EQ(dataset_of_rows(declared().all().front().change_topic()), declared().all().front().name);
  EXPECT_EQ(dataset_of_rows(kScopeRun), "");
  EXPECT_EQ(dataset_of_rows(kRawOrder), "");
}

}  // namespace
}  // namespace sujip::topics
