#include "producers/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "core/http/metrics_server.h"
#include "core/log.h"
#include "core/stop_signal.h"
#include "producers/collect.h"
#include "producers/command_errors.h"
#include "producers/feed_source.h"
#include "producers/raw_target.h"
#include "producers/registry/sources.h"
#include "producers/source_commands.h"

namespace sujip {
namespace {
namespace fs = std::filesystem;

void collect(const Settings& settings, const CollectOptions& options) {
  log::start("collect", settings.log_level);
  command::kEnd.check(start_metrics_server(settings.metrics, "collect"), kExitEnvironment);
  const int code = run_collect(settings, options, stop_on_signal());
  if (code != kExitOk) throw CLI::RuntimeError(code);
}

struct UploadOptions {
  std::string file, source, account, date;
  std::vector<std::string> parts;
  bool no_guard = false;
};

void upload(const Settings& settings, const UploadOptions& options) {
  log::start("upload", settings.log_level);
  feeds::Said said;
  said.account = options.account;
  for (const std::string& text : options.parts) {
    const size_t at = text.find('=');
    if (at == 0 || at == std::string::npos) {
      command::kEnd.leave({"not NAME=VALUE", "--set " + text, "e.g. --set section=CPU"}, kExitUsage);
    }
    said.parts[text.substr(0, at)] = text.substr(at + 1);
  }
  if (!options.date.empty()) {
    if (!feeds::parse_name_day(options.date)) {
      command::kEnd.leave({"not a date", "--date " + options.date, "e.g. 2011-01-05"}, kExitUsage);
    }
    said.parts["date"] = options.date;
  }
  pg::Connection db = command::database(settings, "upload");
  const auto source = command::kEnd.value(registry::find_source(db, options.source), kExitEnvironment);
  if (!source) {
    command::kEnd.leave({"no such source", options.source, "see `sujip source list`"}, kExitUsage);
  }
  if (source->kind != "files") {
    command::kEnd.leave({"this source is collected over HTTP and takes no files", options.source, ""}, kExitUsage);
  }
  if (!command::kEnd.value(registry::account_known(db, options.source, options.account), kExitEnvironment)) {
    command::kEnd.leave({fmt::format("account \"{}\" is not known", options.account), options.source,
                         fmt::format("sujip account add {} {}", options.source, options.account)},
                        kExitUsage);
  }
  const auto datasets = command::kEnd.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage);
  FeedSource feed = command::kEnd.value(FeedSource::open(settings, *source, datasets), kExitUsage);

  // The name keeps its folder, because that may say the section; "upload:" keeps it apart from the
  // files of the source's folder.
  std::error_code error;
  const fs::path path = fs::canonical(options.file, error);
  if (error) command::kEnd.leave({"no such file", options.file, ""}, kExitUsage);
  const std::string name = "upload:" + path.parent_path().filename().string() + "/" + path.filename().string();
  const auto file = command::kEnd.value(feeds::look_at(path.string(), name), kExitUsage);

  RawTarget target = command::kEnd.value(RawTarget::open(settings), kExitEnvironment);
  FeedSource::Surroundings around;
  around.db = &db;
  around.target = command::kEnd.value(target.of(feed.dataset()), kExitEnvironment);
  const auto counts = command::kEnd.value(feed.take(around, {!options.no_guard, false}, file, said), kExitEnvironment);
  if (!counts.refused.empty()) {
    fmt::print("refused {}\n", counts.refused.front().message());
    throw CLI::RuntimeError(kExitIncomplete);
  }
  if (counts.files == 0) {
    fmt::print("{}: nothing new, this content is what is there already\n", options.file);
  } else {
    fmt::print("{}: {} rows published\n", options.file, counts.rows);
  }
}

void add_account_commands(CLI::App& app, const Settings& settings) {
  CLI::App* group = app.add_subcommand("account", "Accounts at the sources: add, list");
  group->require_subcommand(1);
  auto account = std::make_shared<registry::Account>();
  account->time_zone.clear();
  CLI::App* add = group->add_subcommand("add", "Add an account, or change a known one");
  add->add_option("source", account->source, "Name of the source")->required();
  add->add_option("account", account->account, "Its id at the source")->required();
  add->add_option("--name", account->name, "A name people know it by");
  add->add_option("--currency", account->currency, "e.g. KRW");
  add->add_option("--time-zone", account->time_zone, "e.g. Asia/Seoul");
  add->callback([&settings, account] {
    pg::Connection db = command::database(settings, "account");
    const auto source = command::kEnd.value(registry::find_source(db, account->source), kExitEnvironment);
    if (!source) {
      command::kEnd.leave({"no such source", account->source, "see `sujip source list`"}, kExitUsage);
    }
    const bool is_new = command::kEnd.value(registry::put_account(db, *account), kExitEnvironment);
    fmt::print("{} {}/{}\n", is_new ? "added" : "updated", account->source, account->account);
  });

  auto source = std::make_shared<std::string>();
  CLI::App* list = group->add_subcommand("list", "Show the accounts");
  list->add_option("source", *source, "Only of this source");
  list->callback([&settings, source] {
    pg::Connection db = command::database(settings, "account");
    const auto all = command::kEnd.value(registry::list_accounts(db, *source), kExitEnvironment);
    fmt::print("{:<20} {:<24} {:<10} {:<8} {:<16} {}\n", "source", "account", "status", "currency", "time zone",
               "name");
    for (const registry::Account& one : all) {
      fmt::print("{:<20} {:<24} {:<10} {:<8} {:<16} {}\n", one.source, one.account, one.status,
                 one.currency.empty() ? "-" : one.currency, one.time_zone, one.name);
    }
  });
}

void add_upload_command(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<UploadOptions>();
  CLI::App* add = app.add_subcommand("upload", "Offer one file by hand");
  add->add_option("file", options->file, "The file")->required();
  add->add_option("--source", options->source, "Source it belongs to")->required();
  add->add_option("--account", options->account, "Account it belongs to")->required();
  add->add_option("--date", options->date, "Its day, when the name doesn't say it");
  add->add_option("--set", options->parts,
                  "Another part its name doesn't say, e.g. section=CPU or time=2024-03-04T091500")
      ->allow_extra_args(false);
  add->add_flag("--no-guard", options->no_guard, "Take it however much it deletes");
  add->callback([&settings, options] { upload(settings, *options); });
}

struct CollectArguments {
  CollectOptions options;
  std::vector<std::string> sources;  // by --source
  std::string from, to;
  bool no_guard = false;
};

Day day_of(const std::string& option, const std::string& text) {
  const auto day = Day::parse(text);
  if (!day) command::kEnd.leave({"not a date", option + " " + text, "e.g. 2011-01-05"}, kExitUsage);
  return *day;
}

void check_backfill(CollectArguments& given) {
  Backfill& backfill = given.options.backfill;
  if (!given.from.empty()) {
    const Day yesterday = seoul_day(now_ms()) - 1;
    backfill.from = day_of("--from", given.from);
    backfill.to = given.to.empty() ? yesterday : day_of("--to", given.to);
    if (*backfill.to > yesterday) {
      command::kEnd.leave(
          {"this day is not over yet in Seoul", "--to " + backfill.to->str(), "the last one is " + yesterday.str()},
          kExitUsage);
    }
    if (*backfill.from > *backfill.to) {
      command::kEnd.leave({"the first day is after the last", "--from " + backfill.from->str(),
                           "the last one is " + backfill.to->str()},
                          kExitUsage);
    }
  }
  if (backfill.is_given() && given.options.sources.empty()) {
    command::kEnd.leave(
        {"accounts and days are those of a source", "", "say which with --source NAME; see `sujip source list`"},
        kExitUsage);
  }
  if (backfill.is_given()) given.options.once = true;
}

void add_collect_command(CLI::App& app, const Settings& settings) {
  auto given = std::make_shared<CollectArguments>();
  CollectOptions& options = given->options;
  CLI::App* add = app.add_subcommand("collect", "Collect the sources that are due, or chosen days of one with an API");
  add->footer(
      "A source with an API is asked for every day it was never asked for (as far back as its "
      "connector says) and again for days the vendor still corrects. To fetch more, or once more:\n"
      "  sujip collect --source naver_searchad --days 90\n"
      "  sujip collect --source naver_searchad --account 1000002 --from 2026-03-01 --to 2026-03-31 "
      "--force");
  add->add_option("sources", options.sources, "Only these");
  add->add_option("--source", given->sources, "Only this one; may be given again")->allow_extra_args(false);
  add->add_flag("--once", options.once, "End when nothing is due; the last line is a JSON object");
  add->add_flag("--no-guard", given->no_guard, "Never hold a snapshot because of what it would delete");
  add->add_flag("--progress", options.progress, "Show progress each second, also in a pipe");
  CLI::Option_group* api =
      add->add_option_group("Sources with an API", "Each of these means --once and needs --source");
  api->add_option("--account", options.backfill.accounts, "Only this account; may be given again")
      ->allow_extra_args(false);
  CLI::Option* days =
      api->add_option("--days", options.backfill.days, "Days up to yesterday, instead of the connector's number")
          ->check(CLI::Range(1, 3650));
  CLI::Option* from = api->add_option("--from", given->from, "First day, e.g. 2026-03-01")->excludes(days);
  api->add_option("--to", given->to, "Last day; without it yesterday")->needs(from);
  api->add_flag("--force", options.backfill.force, "Also days that are collected already");
  add->callback([&settings, given] {
    CollectOptions& chosen = given->options;
    chosen.sources.insert(chosen.sources.end(), given->sources.begin(), given->sources.end());
    chosen.guard = !given->no_guard;
    check_backfill(*given);
    collect(settings, chosen);
  });
}

}  // namespace

void add_producer_commands(CLI::App& app, const Settings& settings) {
  add_source_commands(app, settings);
  add_account_commands(app, settings);
  add_upload_command(app, settings);
  add_collect_command(app, settings);
}

}  // namespace sujip
