#include "producers/source_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "producers/command_errors.h"
#include "producers/feed_source.h"
#include "producers/registry/sources.h"
#include "producers/source_test.h"

namespace sujip {
namespace {
namespace fs = std::filesystem;

struct AddOptions {
  std::string name, path, every, url, account;
  bool no_guard = false, guard = false;
  std::vector<std::string> settings, credentials;
};

// "name=value"; an empty name is an error of the caller.
std::pair<std::string, std::optional<std::string>> split(const std::string& text) {
  const size_t at = text.find('=');
  if (at == std::string::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

// Never echoed: from the option, from stdin ("-"), or from SUJIP_CREDENTIAL_<NAME>.
std::string credential_value(const std::string& name, const std::optional<std::string>& given) {
  std::string value;
  if (given && *given == "-") {
    if (::isatty(STDIN_FILENO) == 1) fmt::print(stderr, "{}: ", name);
    std::getline(std::cin, value);
    while (value.ends_with('\r')) value.pop_back();
  } else if (given) {
    value = *given;
  } else {
    std::string variable = "SUJIP_CREDENTIAL_";
    for (const char c : name) {
      variable += std::isalnum(static_cast<unsigned char>(c)) != 0
                      ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                      : '_';
    }
    const char* found = std::getenv(variable.c_str());
    if (found == nullptr) {
      command::kEnd.leave({fmt::format("credential {} has no value", name), "",
                           fmt::format("{0}=VALUE, {0}=- to read it from stdin, or set {1}", name, variable)},
                          kExitUsage);
    }
    value = found;
  }
  if (value.empty()) command::kEnd.leave({"the value is empty", "credential " + name, ""}, kExitUsage);
  return value;
}

void add(const Settings& settings, const AddOptions& options) {
  const std::string file = connector_path(settings, options.name);
  const bool files = command::kEnd.value(feeds::is_file_connector(file), kExitUsage);
  registry::SourceChange change;
  std::string note;
  feeds::FileConnector connector;
  if (files) {
    connector = command::kEnd.value(feeds::load_file_connector(file), kExitUsage);
    if (!options.path.empty()) {
      std::error_code error;
      const fs::path path = fs::canonical(options.path, error);
      if (error || !fs::is_directory(path)) {
        command::kEnd.leave({"no such folder", options.path, ""}, kExitUsage);
      }
      change.path = path.string();
    } else {
      change.path = "";  // the samples, wherever the connector is
    }
    if (!options.url.empty() || !options.settings.empty() || !options.credentials.empty()) {
      command::kEnd.leave(
          {"a source of files has a path, but no url, settings or credentials", options.name, "--path DIR"},
          kExitUsage);
    }
  } else {
    if (!options.path.empty()) {
      command::kEnd.leave({"--path is for sources of files", options.name, ""}, kExitUsage);
    }
    if (!options.url.empty()) change.settings.emplace_back("base_url", options.url);
    for (const std::string& text : options.settings) {
      const auto [name, value] = split(text);
      if (name.empty() || !value) command::kEnd.leave({"not NAME=VALUE", "--set " + name, ""}, kExitUsage);
      change.settings.emplace_back(name, *value);
    }
  }
  if (!options.every.empty()) {
    if (!feeds::parse_interval(options.every)) {
      command::kEnd.leave({"not an interval", "--every " + options.every, "e.g. 30s, 15m, 2h, 1d"}, kExitUsage);
    }
    change.every = options.every;
  }
  if (options.no_guard) change.guard = false;
  if (options.guard) change.guard = true;
  // Every value is read before anything is stored.
  std::vector<std::pair<std::string, std::string>> credentials;
  for (const std::string& text : options.credentials) {
    const auto [name, value] = split(text);
    if (name.empty()) command::kEnd.leave({"not NAME=VALUE", "--credential", ""}, kExitUsage);
    credentials.emplace_back(name, credential_value(name, value));
  }

  pg::Connection db = command::database(settings, "source");
  const bool is_new = command::kEnd.value(
      registry::put_source(db, options.name, files ? "files" : "api", options.name, change), kExitEnvironment);
  for (const auto& [name, value] : credentials) {
    command::kEnd.check(registry::put_credential(db, options.name, options.account, name, value), kExitEnvironment);
  }
  if (files && !connector.account.empty()) {
    command::kEnd.value(
        registry::put_account(db, {options.name, connector.account, connector.ko.empty() ? connector.en : connector.ko,
                                   "active", connector.currency, connector.time_zone}),
        kExitEnvironment);
  }
  const std::string folder = files ? (change.path->empty() ? connector.folder + "/samples" : *change.path) : "";
  fmt::print("{} {}{}{}\n", is_new ? "added" : "updated", options.name, folder.empty() ? "" : ": ", folder);
}

void list(const Settings& settings) {
  pg::Connection db = command::database(settings, "source");
  const auto rows =
      command::kEnd.value(db.exec("select s.name, s.kind, s.enabled, coalesce((s.config->>'guard')::boolean, true), "
                                  "coalesce(nullif(s.config->>'path', ''), s.config->>'base_url', "
                                  "case s.kind when 'files' then '(samples)' else '' end), "
                                  "(select count(*) from sujip.known_account a where a.source = s.name), "
                                  "(select count(*) from sujip.feed_file f where f.source = s.name), "
                                  "coalesce((select to_char(max(f.accepted_at) at time zone 'Asia/Seoul', "
                                  "'YYYY-MM-DD HH24:MI') from sujip.feed_file f where f.source = s.name), '-'), "
                                  "(select string_agg(distinct c.name, ' ') from sujip.credential c "
                                  "where c.source = s.name) from sujip.source s order by s.name"),
                          kExitEnvironment);
  fmt::print("{:<20} {:<6} {:<8} {:<6} {:>8} {:>7}  {:<16}  {}\n", "source", "kind", "enabled", "guard", "accounts",
             "files", "last accepted", "where");
  for (int i = 0; i < rows.size(); ++i) {
    fmt::print("{:<20} {:<6} {:<8} {:<6} {:>8} {:>7}  {:<16}  {}", rows.text(i, 0), rows.text(i, 1),
               rows.boolean(i, 2) ? "yes" : "no", rows.boolean(i, 3) ? "on" : "off", rows.text(i, 5), rows.text(i, 6),
               rows.text(i, 7), rows.text(i, 4));
    if (!rows.is_null(i, 8)) fmt::print("  [credentials: {}]", rows.text(i, 8));
    fmt::print("\n");
  }
}

}  // namespace

void add_source_commands(CLI::App& app, const Settings& settings) {
  CLI::App* group = app.add_subcommand("source", "What is collected: add, list, test");
  group->require_subcommand(1);

  auto options = std::make_shared<AddOptions>();
  CLI::App* add_command = group->add_subcommand("add", "Register a source, or change a registered one");
  add_command->add_option("name", options->name, "Name of a folder of producers/connectors")->required();
  add_command->add_option("--path", options->path, "Folder of the files; without it the connector's own samples");
  add_command->add_option("--every", options->every, "How often to look: 30s, 15m, 2h, 1d");
  auto* no_guard =
      add_command->add_flag("--no-guard", options->no_guard, "Never hold a snapshot because of what it would delete");
  add_command->add_flag("--guard", options->guard, "Hold such snapshots again")->excludes(no_guard);
  add_command->add_option("--url", options->url, "Address of an API; short for --set base_url=URL");
  add_command->add_option("--set", options->settings, "Setting of an API source, NAME=VALUE")->allow_extra_args(false);
  add_command
      ->add_option("--credential", options->credentials,
                   "NAME=VALUE, NAME=- (a line of stdin), or NAME (from SUJIP_CREDENTIAL_NAME)")
      ->allow_extra_args(false);
  add_command->add_option("--account", options->account,
                          "Account the credentials belong to; without it the source as a whole");
  add_command->callback([&settings, options] { add(settings, *options); });

  group->add_subcommand("list", "Show the registered sources")->callback([&settings] { list(settings); });

  add_source_test_command(*group, settings);
}

}  // namespace sujip
