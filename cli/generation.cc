#include "cli/generation.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "cli/generation_diff.h"
#include "cli/generation_parts.h"
#include "cli/generation_swap.h"
#include "cli/in_step.h"
#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/json_text.h"
#include "core/stop_signal.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;
using topics::Generation;
using topics::GenerationState;

constexpr CommandEnd kGeneration{"generation"};

struct Options {
  int number = 0;
  std::vector<int> two;
  int wait_s = 60;
  bool json = false, dry_run = false, yes = false, part = false;
};

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ",") + name;
  return out;
}

std::string dates(const Generation& g) {
  if (!g.from && !g.to) return "";
  return (g.from ? g.from->str() : "") + ".." + (g.to ? g.to->str() : "");
}

class Command {
 public:
  Command(const Settings& settings, const Options& options)
      : settings_(settings),
        options_(options),
        datasets_(kGeneration.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage)),
        pg_(kGeneration.value(pg::Connection::open(settings.pg), kExitEnvironment)),
        generations_(kGeneration.value(topics::read_generations(pg_), kExitEnvironment)) {}

  void list() {
    if (!options_.json)
      fmt::print("{:<3} {:<9} {:<24} {:<22} {:<20} {:<20} {:<20} {:>10}\n", "", "state", "datasets", "dates", "created",
                 "ready", "swapped", "behind");
    for (const Generation& g : generations_.all) {
      if (g.state == GenerationState::dropped && !options_.json) continue;
      const std::string behind = behind_of(g);
      if (!options_.json) {
        fmt::print("{:<3} {:<9} {:<24} {:<22} {:<20} {:<20} {:<20} {:>10}{}\n", g.number, name_of(g.state),
                   g.datasets.empty() ? "all" : joined(g.datasets), dates(g), g.created, g.ready, g.swapped, behind,
                   g.mapping_file.empty() ? "" : "  mapping " + g.mapping_file);
        continue;
      }
      std::string out = "{";
      append_json_field(out, "number", g.number);
      append_json_field(out, "state", name_of(g.state));
      append_json_field(out, "datasets", joined(g.datasets));
      append_json_field(out, "from", g.from ? g.from->str() : "");
      append_json_field(out, "to", g.to ? g.to->str() : "");
      append_json_field(out, "mapping", g.mapping_file);
      append_json_name(out, "behind");
      out += behind.empty() || behind == "?" ? "null" : behind;
      fmt::print("{}}}\n", out);
    }
    if (options_.json) return;
    for (const auto& [dataset, number] : generations_.live)
      if (!dataset.empty()) fmt::print("{} is read from generation {}\n", dataset, number);
  }

  void diff() {
    Generation a = find(options_.two.size() > 1 ? options_.two[1] : live_of(find(options_.two.at(0))));
    Generation b = find(options_.two.at(0));
    if (a.number == b.number)
      kGeneration.leave({"that is the live one", "", "name another one to compare it with"}, kExitUsage);
    const auto deadline = Clock::now() + std::chrono::seconds(options_.wait_s);
    std::vector<TableDiff> tables;
    // New data come to one of them a little before they come to the other.
    for (bool first = true;; first = false) {
      if (wait_until_in_step(a, deadline) && wait_until_in_step(b, deadline)) settled_ = true;
      tables = kGeneration.value(diff_generations(pg_, datasets_, a, b), kExitFailed);
      if (std::all_of(tables.begin(), tables.end(), [](const TableDiff& t) { return t.same(); })) break;
      if (!first || Clock::now() >= deadline) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    print(tables, a, b);
    if (!std::all_of(tables.begin(), tables.end(), [](const TableDiff& t) { return t.same(); }))
      throw CLI::RuntimeError(kExitIncomplete);
  }

  void swap() {
    const Generation to = find(options_.number);
    if (!topics::is_kept_in_step(to.state))
      kGeneration.leave(
          {fmt::format("generation {} is {}", to.number, name_of(to.state)), "",
           to.state == GenerationState::building ? "`sujip replay` finishes it" : "`sujip generation list`"},
          kExitIncomplete);
    if ((to.from || to.to) && !options_.part)
      kGeneration.leave(
          {fmt::format("generation {} holds only scopes of {}: readers would miss all others", to.number, dates(to)),
           "", "build one without --from and --to, or say --part"},
          kExitIncomplete);
    const bool is_live = to.datasets.empty()
                             ? generations_.live == topics::LiveGenerations{{"", to.number}}
                             : std::all_of(to.datasets.begin(), to.datasets.end(), [&](const std::string& d) {
                                 return topics::live_generation(generations_.live, d) == to.number;
                               });
    if (is_live) {
      fmt::print("generation {} is live already\n", to.number);
      return;
    }
    const auto deadline = Clock::now() + std::chrono::seconds(options_.wait_s);
    if (!wait_until_in_step(to, deadline))
      kGeneration.leave({fmt::format("generation {} is behind: {} offsets", to.number, behind_of(to)), "",
                         "are `sujip process` and `sujip sink` running? They keep it in step"},
                        kExitIncomplete);
    kGeneration.check(swap_views(pg_, to, std::max(deadline, Clock::now() + std::chrono::seconds(5))), kExitIncomplete);
    fmt::print("generation {} is live\n", to.number);
  }

  void drop() {
    const Generation g = find(options_.number);
    const GenerationParts parts(settings_, datasets_, g);
    if (g.state == GenerationState::dropped) {
      fmt::print("generation {} is dropped already\n", g.number);
      return;
    }
    if (g.state == GenerationState::live)
      kGeneration.leave({fmt::format("generation {} is live", g.number), "", "swap to another one first"},
                        kExitIncomplete);
    if (options_.dry_run || !options_.yes) {
      for (const std::string& line : parts.lines()) fmt::print("{}\n", line);
      if (!options_.dry_run)
        kGeneration.leave({"nothing was done", "", "say --yes to delete all of this"}, kExitIncomplete);
      fmt::print("nothing was done (--dry-run)\n");
      return;
    }
    const auto admin = kGeneration.value(kafka::Admin::create(settings_.kafka), kExitEnvironment);
    // Of a swap that comes at the same moment one of the two finds nothing.
    const auto marked = kGeneration.value(
        pg_.query("update sujip.generation set state = 'dropping' where number = $1 and state <> 'live'", g.number),
        kExitFailed);
    if (marked.affected() == 0)
      kGeneration.leave({fmt::format("generation {} is live", g.number), "", ""}, kExitIncomplete);
    wait_for_quiet(parts, *admin);
    kGeneration.check(parts.remove(*admin, pg_), kExitFailed);
    fmt::print("generation {} is dropped\n", g.number);
  }

 private:
  Generation find(int number) const {
    const Generation* found = generations_.find(number);
    if (found == nullptr)
      kGeneration.leave({fmt::format("there is no generation {}", number), "", "`sujip generation list`"}, kExitUsage);
    return *found;
  }

  // That readers see of what g holds.
  int live_of(const Generation& g) const {
    return topics::live_generation(generations_.live, g.datasets.empty() ? "" : g.datasets.front());
  }

  std::string behind_of(const Generation& g) const {
    if (g.state == GenerationState::dropped || g.state == GenerationState::dropping) return "";
    auto look = InStep::open(settings_, g);
    if (!look.ok()) return "?";
    const auto progress = look->progress();
    if (!progress.ok()) return "?";
    return std::to_string(std::max<int64_t>(progress->all - progress->read, 0) + progress->to_write);
  }

  bool wait_until_in_step(const Generation& g, Clock::time_point deadline) {
    InStep look = kGeneration.value(InStep::open(settings_, g), kExitEnvironment);
    const std::stop_token stop = stop_on_signal();
    for (;;) {
      const auto reached = look.reached();
      if (reached.ok() && *reached) return true;
      if (Clock::now() >= deadline || stop.stop_requested()) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  void wait_for_quiet(const GenerationParts& parts, kafka::Admin& admin) {
    const auto deadline = Clock::now() + std::chrono::seconds(options_.wait_s);
    for (bool told = false;; told = true) {
      const auto errors = kGeneration.value(parts.in_the_way(admin, pg_), kExitEnvironment);
      if (errors.empty()) return;
      if (Clock::now() >= deadline) {
        for (const Error& error : errors) fmt::print(stderr, "sujip generation: {}\n", error.message());
        kGeneration.leave(
            {"it is still worked on, and marked: no role takes it up again", "", "run the same command again"},
            kExitIncomplete);
      }
      if (!told) fmt::print(stderr, "waiting up to {} s: {}\n", options_.wait_s, errors.front().message());
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }

  void print(const std::vector<TableDiff>& tables, const Generation& a, const Generation& b) const {
    if (options_.json) {
      std::string out = "{";
      append_json_field(out, "from", a.number);
      append_json_field(out, "to", b.number);
      append_json_name(out, "in_step");
      out += settled_ ? "true" : "false";
      append_json_name(out, "tables");
      out += '{';
      for (const TableDiff& t : tables) {
        append_json_name(out, t.table);
        out += '{';
        append_json_field(out, "rows_from", t.rows_a);
        append_json_field(out, "rows_to", t.rows_b);
        append_json_field(out, "only_from", t.only_a);
        append_json_field(out, "only_to", t.only_b);
        append_json_field(out, "different", t.different);
        out += '}';
      }
      fmt::print("{}}}}}\n", out);
      return;
    }
    if (!settled_) fmt::print(stderr, "one of them is behind: differences may be only that\n");
    const std::string from = fmt::format("g{}", a.number);
    const std::string to = fmt::format("g{}", b.number);
    fmt::print("{:<28} {:>12} {:>12} {:>12} {:>12} {:>12}\n", "table", "rows " + from, "rows " + to, "only " + from,
               "only " + to, "different");
    for (const TableDiff& t : tables) {
      fmt::print("{:<28} {:>12} {:>12} {:>12} {:>12} {:>12}\n", t.table, t.rows_a, t.rows_b, t.only_a, t.only_b,
                 t.different);
      for (const std::string& example : t.examples) fmt::print("    {}\n", example);
    }
  }

  const Settings& settings_;
  const Options& options_;
  Datasets datasets_;
  pg::Connection pg_;
  topics::Generations generations_;
  bool settled_ = false;
};

}  // namespace

void add_generation_commands(CLI::App& app, const Settings& settings) {
  CLI::App* group =
      app.add_subcommand("generation", "Generations of the tables, made by `sujip replay`: list, diff, swap, drop");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* help, void (Command::*run)()) {
    CLI::App* command = group->add_subcommand(name, help);
    command->callback([&settings, options, run] { (Command(settings, *options).*run)(); });
    return command;
  };
  const auto wait = [&](CLI::App* command, const char* help) {
    command->add_option("--wait", options->wait_s, help)->check(CLI::Range(0, 3600))->capture_default_str();
  };
  CLI::App* list = add("list", "All that are not dropped, and how far each is behind", &Command::list);
  list->add_flag("--json", options->json, "One JSON object a line, dropped ones, too");
  CLI::App* diff = add("diff",
                       "Compare the tables of a generation with those that readers see, or with another one\n"
                       "Row by row, without times and positions. Exit code 0: the same, 3: they differ.",
                       &Command::diff);
  diff->add_option("generation", options->two, "The one to look at, and perhaps the one to compare it with")
      ->required()
      ->expected(1, 2);
  diff->add_flag("--json", options->json, "One JSON object");
  wait(diff, "Seconds to wait until both are in step");
  CLI::App* swap = add("swap",
                       "Let readers see this generation, in one transaction; also to go back to the former one\n"
                       "Refused when it has not folded all that was in the raw topics when the command was given.",
                       &Command::swap);
  swap->add_option("generation", options->number)->required();
  swap->add_flag("--part", options->part, "Also one that was built with --from or --to");
  wait(swap, "Seconds to wait until it is in step");
  CLI::App* drop =
      add("drop", "Delete topics, groups, tables and state of a generation that is not live", &Command::drop);
  drop->add_option("generation", options->number)->required();
  drop->add_flag("--dry-run", options->dry_run, "Only list it");
  drop->add_flag("--yes", options->yes, "Do it");
  wait(drop, "Seconds to wait until the roles have let go of it");
}

}  // namespace sujip
