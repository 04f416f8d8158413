#include "cli/reset.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>

#include "cli/way_of_data.h"
#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/kafka/admin.h"
#include "core/postgres/connection.h"
#include "core/stop_signal.h"
#include "processors/process.h"
#include "sinks/postgres/reset.h"
#include "topics/catalogue.h"
#include "topics/generations.h"

namespace sujip {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct ResetOptions {
  bool dry_run = false;
  bool yes = false;
  int wait_s = 15;
  int replication = 1;
};

constexpr CommandEnd kReset{"reset"};

class Reset {
 public:
  Reset(const Settings& settings, const ResetOptions& options)
      : settings_(settings),
        options_(options),
        datasets_(kReset.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage)),
        admin_(kReset.value(kafka::Admin::create(settings.kafka), kExitEnvironment)),
        pg_(kReset.value(pg::Connection::open(settings.pg), kExitEnvironment)),
        generations_(kReset.value(topics::read_generations(pg_), kExitEnvironment).running()) {
    for (const topics::Generation& g : generations_) {
      const topics::Names names(settings.prefix, g.number);
      ways_.push_back(way_of_data(g.of(datasets_), names));
      for (const WayStage& stage : ways_.back().stages)
        if (!stage.sink) groups_.push_back(stage.group);
      for (const std::string& topic : ways_.back().derived_topics()) derived_.push_back(topic);
      find_folders(g.number);
    }
  }

  void run() {
    list();
    if (options_.dry_run) {
      for (const Error& error : in_the_way()) fmt::print("in the way: {}\n", error.message());
      fmt::print("nothing was done (--dry-run)\n");
      return;
    }
    if (!options_.yes) kReset.leave({"nothing was done", "", "say --yes to do all of this"}, kExitIncomplete);
    wait_for_quiet();
    work();
  }

 private:
  void find_folders(int generation) {
    const fs::path stem = state_folder_stem(settings_, generation);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(stem.parent_path(), error))
      if (entry.path().filename().string().starts_with(stem.filename().string())) folders_.insert(entry.path());
  }

  void list() const {
    for (const std::string& topic : derived_) fmt::print("topic   {}: deleted and made anew\n", topic);
    for (const std::string& group : groups_) fmt::print("group   {}: forgotten\n", group);
    for (const fs::path& folder : folders_) fmt::print("folder  {}: deleted\n", folder.string());
    std::set<std::string> tables;
    for (const WayOfData& way : ways_)
      for (const WayTable& t : way.tables)
        if (std::find(derived_.begin(), derived_.end(), t.topic) != derived_.end()) tables.insert(t.table);
    tables.erase("sujip.run_log");
    for (const std::string& table : tables) fmt::print("table   {}: emptied\n", table);
    fmt::print("table   sujip.run_log: the lines of processors and sinks deleted\n");
    fmt::print("table   sujip.sink_progress: positions in the topics above forgotten\n");
    std::string kept;
    for (const WayTopic& t : way_of_data(datasets_, settings_.prefix).topics)
      if (!t.derived) kept += " " + t.name;
    fmt::print("kept   {}; sources, accounts, credentials, and what collectors remember\n", kept);
  }

  std::vector<Error> in_the_way() {
    std::vector<Error> out;
    const auto live = kReset.value(admin_->live_groups(), kExitEnvironment);
    for (const std::string& group : groups_)
      if (const auto found = live.find(group); found != live.end())
        out.push_back({fmt::format("the group has {} members", found->second), group,
                       "end `sujip process`; one that just ended leaves its group some seconds later"});
    for (const std::string& owner : kReset.value(sink::live_sinks(pg_), kExitEnvironment))
      out.push_back({"a sink is running", owner, "end `sujip sink`"});
    return out;
  }

  void wait_for_quiet() {
    const std::stop_token stop = stop_on_signal();
    const auto deadline = Clock::now() + std::chrono::seconds(options_.wait_s);
    for (bool told = false;; told = true) {
      const auto errors = in_the_way();
      if (errors.empty()) return;
      if (Clock::now() >= deadline || stop.stop_requested()) {
        for (const Error& error : errors) fmt::print(stderr, "sujip reset: {}\n", error.message());
        kReset.leave({"nothing was done", "", "everything that processes or writes has to end first"}, kExitIncomplete);
      }
      if (!told) fmt::print(stderr, "waiting up to {} s: {}\n", options_.wait_s, errors.front().message());
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }

  // In an order in which a kill between two steps leaves something that still fits together, and that the
  // same command finishes: tables can be filled again from the topics that are there, topics can be written
  // again from the raw ones.
  void work() {
    for (const topics::Generation& g : generations_)
      kReset.check(
          sink::empty_tables(pg_, sink::declared_work(g.of(datasets_), {settings_.prefix, g.number}), derived_),
          kExitFailed);
    fmt::print("tables emptied\n");
    kReset.check(admin_->delete_groups(groups_), kExitFailed);
    for (const fs::path& folder : folders_) {
      std::error_code error;
      fs::remove_all(folder, error);
      if (error) kReset.leave({error.message(), folder.string(), "delete it by hand, then start again"}, kExitFailed);
    }
    fmt::print("groups and local state forgotten\n");
    make_topics_anew();
    fmt::print(
        "{} topics made anew\nStart `sujip process` and `sujip sink`; `sujip lag` says when all is there again.\n"
        "Where processors ran on other machines: delete {}* there before you start them.\n",
        derived_.size(), state_folder_stem(settings_));
  }

  void make_topics_anew() {
    const auto there = kReset.value(admin_->topics(), kExitEnvironment);
    std::vector<std::string> old;
    for (const std::string& topic : derived_)
      if (there.contains(topic)) old.push_back(topic);
    kReset.check(admin_->delete_topics(old), kExitFailed);
    std::vector<kafka::TopicSpec> wanted;
    for (const topics::Generation& g : generations_)
      for (kafka::TopicSpec& spec : topics::derived_catalogue(g.of(datasets_), {settings_.prefix, g.number}))
        if (std::find(derived_.begin(), derived_.end(), spec.name) != derived_.end()) wanted.push_back(std::move(spec));
    // The broker works in the background: a topic that is still there would count as made.
    wait_until("deleted", [&](const auto& now) {
      return std::count_if(old.begin(), old.end(), [&](const auto& topic) { return now.contains(topic); });
    });
    kReset.check(admin_->create_topics(wanted, options_.replication), kExitFailed);
    wait_until("made", [&](const auto& now) {
      return std::count_if(wanted.begin(), wanted.end(), [&](const auto& spec) { return !now.contains(spec.name); });
    });
  }

  // `left` says how many topics are to come, by those that are there.
  template <class Left>
  void wait_until(std::string_view what, const Left& left) {
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    for (;;) {
      const auto n = left(kReset.value(admin_->topics(), kExitEnvironment));
      if (n == 0) return;
      if (Clock::now() > deadline)
        kReset.leave({fmt::format("{} topics are still to be {}", n, what), "Kafka at " + settings_.kafka,
                      "start again: `sujip reset --yes`"},
                     kExitFailed);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  const Settings& settings_;
  const ResetOptions& options_;
  Datasets datasets_;
  std::unique_ptr<kafka::Admin> admin_;
  pg::Connection pg_;
  std::vector<topics::Generation> generations_;  // all that are kept in step
  std::vector<WayOfData> ways_;                  // of each
  std::vector<std::string> groups_;
  std::vector<std::string> derived_;
  std::set<fs::path> folders_;
};

}  // namespace

void add_reset_command(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<ResetOptions>();
  CLI::App* command = app.add_subcommand(
      "reset",
      "Forget everything that is made from raw topics, so that it is made again\n"
      "Lists the topics, groups, folders and tables, and with --yes empties them. Raw topics, run.log, sources,\n"
      "accounts, credentials are not touched. Refused while a processor or a sink is alive. Killed in the\n"
      "middle, the same command finishes it. Until all is built again tables are not complete.");
  command->add_flag("--dry-run", options->dry_run, "Only list it, and what is in the way");
  command->add_flag("--yes", options->yes, "Do it");
  command->add_option("--wait", options->wait_s, "Seconds to wait for processes that have just ended")
      ->check(CLI::Range(0, 600))
      ->capture_default_str();
  command->add_option("--replication", options->replication, "Copies of each topic")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  command->callback([&settings, options] { Reset(settings, *options).run(); });
}

}  // namespace sujip
