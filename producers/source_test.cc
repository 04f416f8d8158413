#include "producers/source_test.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "producers/collect_api.h"
#include "producers/command_errors.h"
#include "producers/engine/account_check.h"
#include "producers/feed_source.h"
#include "producers/files/file_reader.h"
#include "producers/registry/sources.h"

namespace sujip {
namespace {
namespace fs = std::filesystem;

// The registered source; when there is no database or no such row, the connector with its samples.
registry::Source registered_or_samples(const Settings& settings, const std::string& name) {
  registry::Source source;
  source.name = source.connector = name;
  source.kind = "files";
  auto db = pg::Connection::open(settings.pg);
  if (!db) {
    fmt::print("database   not reachable; testing the connector with its samples\n");
    return source;
  }
  auto found = registry::find_source(*db, name);
  if (!found || !*found) {
    fmt::print("registered no; testing the connector with its samples\n");
    return source;
  }
  return **found;
}

void test_files(const Settings& settings, const std::string& name) {
  const auto datasets = command::kEnd.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage);
  const registry::Source source = registered_or_samples(settings, name);
  const FeedSource feed = command::kEnd.value(FeedSource::open(settings, source, datasets), kExitUsage);
  const feeds::FileConnector& connector = feed.connector();
  fmt::print("connector  {}\n", connector.file);
  const std::string mapping = connector.folder + "/mapping.yaml";
  const bool mapped = fs::exists(mapping);
  fmt::print("mapping    {}\n", mapped ? mapping : "missing: " + mapping);
  fmt::print("dataset    {} ({})\n", feed.dataset().name, feed.dataset().raw_topic);
  const auto found = command::kEnd.value(feeds::find_files(feed.folder(), connector.glob), kExitIncomplete);
  fmt::print("folder     {}: {} files match {}\n", feed.folder(), found.size(), connector.glob);
  if (found.empty()) throw CLI::RuntimeError(kExitIncomplete);

  const feeds::FoundFile& first = found.front();
  const auto described = feeds::describe(connector, first);
  if (const auto* refusal = std::get_if<feeds::Refusal>(&described)) {
    fmt::print("refused    {}\n", refusal->message());
    throw CLI::RuntimeError(kExitIncomplete);
  }
  const auto& offered = std::get<feeds::OfferedFile>(described);
  fmt::print("first file {} → scope {}, snapshot {}\n", first.name, offered.scope.subject(),
             offered.snapshot_at ? seoul_text(*offered.snapshot_at) : "at acceptance");
  feeds::FileReader reader(connector);
  std::vector<std::string> lines;
  const auto trouble = reader.stream(
      first.path, first.name,
      [&](std::string_view key, std::string_view value) {
        lines.push_back(fmt::format("  {} {}", key, value));
        return true;
      },
      5);
  fmt::print("text       {}; columns {}\n", name_of(reader.facts().charset), fmt::join(reader.facts().columns, ", "));
  for (const std::string& line : lines) fmt::print("{}\n", line);
  if (trouble) {
    const auto* refusal = std::get_if<feeds::Refusal>(&*trouble);
    fmt::print("refused    {}\n", refusal != nullptr ? refusal->message() : std::get<Error>(*trouble).message());
    throw CLI::RuntimeError(kExitIncomplete);
  }
  fmt::print("guard      {}\n", source.guard ? "on" : "off: snapshots are taken however much they delete");
  fmt::print("`sujip collect --once {}` would offer these {} files; known contents are skipped\n", name, found.size());
  if (!mapped) throw CLI::RuntimeError(kExitIncomplete);
}

// One request for each account, the smallest the connector knows.
void test_api(const Settings& settings, const std::string& name, const std::vector<std::string>& accounts) {
  pg::Connection db = command::database(settings, "source");
  const auto source = command::kEnd.value(registry::find_source(db, name), kExitEnvironment);
  if (!source) {
    command::kEnd.leave({"no such source", name, "register it: sujip source add " + name}, kExitUsage);
  }
  const std::string file = connector_path(settings, source->connector);
  fmt::print("connector    {}\n", file);
  for (const Error& problem :
       command::kEnd.value(engine::check_connector(settings.share, source->connector), kExitFailed)) {
    fmt::print("not usable   {}\n", problem.message());
  }
  const engine::ApiSource api = command::kEnd.value(load_api_source(db, *source), kExitEnvironment);
  if (const auto url = api.config.find("base_url"); url != api.config.end()) {
    fmt::print("address      {}\n", url->second);
  }
  for (const auto& [key, value] : api.credentials) fmt::print("credential   {} is set\n", key);
  const auto checked = engine::check_accounts(api, settings.share, accounts);
  if (!checked) {
    fmt::print("FAILED       {}\n", checked.error().message());
    throw CLI::RuntimeError(kExitFailed);
  }
  size_t bad = 0;
  for (const engine::AccountCheck& one : *checked) {
    const std::string shown = one.account + (one.name.empty() ? "" : " " + one.name);
    if (!one.trouble) {
      fmt::print("OK           {}\n", shown);
      continue;
    }
    fmt::print("FAILED       {}: {}\n", shown, one.trouble->message());
    ++bad;
  }
  fmt::print("accounts     {} of {} can be read\n", checked->size() - bad, checked->size());
  if (bad > 0 || checked->empty()) throw CLI::RuntimeError(kExitFailed);
}

}  // namespace

void add_source_test_command(CLI::App& group, const Settings& settings) {
  auto name = std::make_shared<std::string>();
  auto accounts = std::make_shared<std::vector<std::string>>();
  CLI::App* add =
      group.add_subcommand("test", "Read the first file, or ask the vendor once per account; changes nothing");
  add->add_option("name", *name, "Name of the source")->required();
  add->add_option("--account", *accounts, "Only this account, of a source with an API; may be given again")
      ->allow_extra_args(false);
  add->callback([&settings, name, accounts] {
    const std::string file = connector_path(settings, *name);
    if (!command::kEnd.value(feeds::is_file_connector(file), kExitUsage)) {
      return test_api(settings, *name, *accounts);
    }
    if (!accounts->empty()) {
      command::kEnd.leave({"--account is for sources with an API", *name, ""}, kExitUsage);
    }
    test_files(settings, *name);
  });
}

}  // namespace sujip
