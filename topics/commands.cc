#include "topics/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "core/command_end.h"
#include "core/exit_codes.h"
#include "topics/apply.h"
#include "topics/generations.h"

namespace sujip {
namespace {

constexpr CommandEnd kTopics{"topics"};

Datasets load_datasets(const Settings& settings) {
  return kTopics.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage);
}

void apply(const Settings& settings, int replication) {
  const Datasets datasets = load_datasets(settings);
  const auto admin = kTopics.value(kafka::Admin::create(settings.kafka), kExitEnvironment);
  const auto wanted = topics::wanted_topics(settings, datasets);
  const auto done = kTopics.value(topics::apply(*admin, wanted, replication), kExitEnvironment);
  for (const auto& d : done) fmt::print("{}: {}\n", d.topic, d.what == "missing" ? "created" : "set, " + d.what);
  fmt::print("{} topics as declared\n", wanted.size());
}

void diff(const Settings& settings) {
  const Datasets datasets = load_datasets(settings);
  const auto admin = kTopics.value(kafka::Admin::create(settings.kafka), kExitEnvironment);
  const auto found =
      kTopics.value(topics::compare(*admin, topics::wanted_topics(settings, datasets)), kExitEnvironment);
  for (const auto& d : found) fmt::print("{}: {}\n", d.topic, d.what);
  if (found.empty()) {
    fmt::print("no difference\n");
    return;
  }
  throw CLI::RuntimeError(kExitIncomplete);
}

void list_topics(const Settings& settings) {
  const Datasets datasets = load_datasets(settings);
  for (const auto& t : topics::wanted_topics(settings, datasets)) {
    fmt::print("{:<28} {:>3} partitions  {}\n", t.name, t.partitions, t.config.at("cleanup.policy"));
  }
}

void schema(const Settings& settings, const std::string& name, const std::string& kind) {
  const Datasets datasets = load_datasets(settings);
  const Dataset* dataset = datasets.find(name);
  if (dataset == nullptr) kTopics.leave({"no such dataset", name, "see topics/datasets/"}, kExitUsage);
  if (kind.starts_with("rollup") && !dataset->has_rollup()) {
    kTopics.leave({"this dataset has no totals", name, "rollups: in its declaration makes some"}, kExitUsage);
  }
  const std::string text = kind == "change"       ? change_schema(*dataset)
                           : kind == "change-key" ? change_key_schema(*dataset)
                           : kind == "rollup"     ? rollup_schema(*dataset)
                           : kind == "rollup-key" ? rollup_key_schema(*dataset)
                                                  : row_schema(*dataset);
  fmt::print("{}\n", text);
}

}  // namespace

void add_topics_commands(CLI::App& app, const Settings& settings) {
  CLI::App* group = app.add_subcommand("topics", "Kafka topics: create them, compare, list");
  group->require_subcommand(1);
  auto replication = std::make_shared<int>(1);
  CLI::App* apply_command = group->add_subcommand("apply", "Create what is missing and set what differs");
  apply_command->add_option("--replication", *replication, "Copies of each partition")->capture_default_str();
  apply_command->callback([&settings, replication] { apply(settings, *replication); });
  group->add_subcommand("diff", "Show what differs from the declarations; exit code 3 if anything does")
      ->callback([&settings] { diff(settings); });
  group->add_subcommand("list", "List the topics the declarations ask for")->callback([&settings] {
    list_topics(settings);
  });
  auto name = std::make_shared<std::string>();
  auto kind = std::make_shared<std::string>("row");
  CLI::App* schema_command = group->add_subcommand("schema", "Print a JSON Schema of a dataset");
  schema_command->add_option("dataset", *name, "Name of the dataset")->required();
  schema_command->add_option("--of", *kind, "row | change | change-key | rollup | rollup-key")
      ->check(CLI::IsMember({"row", "change", "change-key", "rollup", "rollup-key"}))
      ->capture_default_str();
  schema_command->callback([&settings, name, kind] { schema(settings, *name, *kind); });
}

}  // namespace sujip
