#include "processors/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/http/metrics_server.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/stop_signal.h"
#include "processors/process.h"
#include "processors/scope_runs.h"

namespace sujip {
namespace {

constexpr CommandEnd kProcess{"process"};
constexpr CommandEnd kScopeList{"scope list"};
constexpr CommandEnd kScope{"scope"};

void process(const Settings& settings, const ProcessOptions& options) {
  log::start("process", settings.log_level);
  stop_on_signal();  // before any thread is made
  if (const Status s = start_metrics_server(settings.metrics, "process"); !s.ok())
    kProcess.leave(s.error(), kExitFailed);
  if (const Status s = run_process(settings, options); !s.ok()) kProcess.leave(s.error(), kExitFailed);
}

void list(const Settings& settings, bool all, bool json) {
  const auto runs = read_scope_runs(settings);
  if (!runs.ok()) kScopeList.leave(runs.error(), kExitEnvironment);
  if (!json)
    fmt::print("{:<44} {:<31} {:<10} {:>8} {:>8} {:>8} {:>8}  {}\n", "scope", "run", "verdict", "rows", "created",
               "updated", "deleted", "reason");
  for (const ScopeRun& r : *runs) {
    const bool was_held = r.outcome == Outcome::held || r.outcome == Outcome::overtaken ||
                          r.outcome == Outcome::rejected || r.outcome == Outcome::released;
    if (!all && !was_held) continue;
    if (json) {
      fmt::print("{}\n", encode(r));
      continue;
    }
    const Counts c = r.counts();
    fmt::print("{:<44} {:<31} {:<10} {:>8} {:>8} {:>8} {:>8}  {}\n", r.scope.subject(), r.run.str(), name_of(r.outcome),
               c.rows, c.created, c.updated, c.deleted, r.reason);
  }
}

void decide(const Settings& settings, Decision decision, const std::string& subject, const std::string& run,
            const std::string& reason) {
  const auto done = decide_held_run(settings, subject, run, decision, reason, 30000);
  if (!done.ok()) kScope.leave(done.error(), kExitIncomplete);
  const Counts c = done->counts();
  fmt::print("{} {}: {}, {} rows, created {}, updated {}, deleted {}\n", done->scope.subject(), done->run.str(),
             name_of(done->outcome), c.rows, c.created, c.updated, c.deleted);
}

void add_process(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<ProcessOptions>();
  CLI::App* command = app.add_subcommand("process", "Role: raw events into changes and rollups");
  command->add_option("--lanes", options->lanes, "Threads per stage; more of them, or more processes, scale")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--commit-interval", options->commit_interval_ms, "Milliseconds between commits")
      ->check(CLI::Range(5, 10000))
      ->capture_default_str();
  command
      ->add_option("--session-timeout", options->session_timeout_ms,
                   "Milliseconds until the partitions of a process that does not answer go to others")
      ->check(CLI::Range(2000, 300000))
      ->capture_default_str();
  command->add_option("--cache-mb", options->cache_mb, "Memory for state, in MiB")
      ->check(CLI::Range(16, 65536))
      ->capture_default_str();
  command->callback([&settings, options] { process(settings, *options); });
}

void add_scope(CLI::App& app, const Settings& settings) {
  CLI::App* group = app.add_subcommand("scope", "Snapshots held by the mass-delete guard: list, release, reject");
  group->require_subcommand(1);
  auto all = std::make_shared<bool>(false);
  auto json = std::make_shared<bool>(false);
  CLI::App* list_command = group->add_subcommand("list", "Runs that are or were held");
  list_command->add_flag("--all", *all, "Every run of every scope");
  list_command->add_flag("--json", *json, "One JSON object a line");
  list_command->callback([&settings, all, json] { list(settings, *all, *json); });
  for (const auto& [name, decision, help] :
       {std::tuple{"release", Decision::release, "Let a held run through, deletions and all"},
        std::tuple{"reject", Decision::reject, "Throw a held run away"}}) {
    auto subject = std::make_shared<std::string>();
    auto run = std::make_shared<std::string>();
    auto reason = std::make_shared<std::string>();
    CLI::App* command = group->add_subcommand(name, help);
    command->add_option("scope", *subject, "source/account/dataset[/slice] as `scope list` shows it")->required();
    command->add_option("--run", *run, "Run id; default: the held one");
    command->add_option("--reason", *reason, "Kept in the change log");
    const Decision d = decision;
    command->callback([&settings, d, subject, run, reason] { decide(settings, d, *subject, *run, *reason); });
  }
}

}  // namespace

void add_processors_commands(CLI::App& app, const Settings& settings) {
  add_process(app, settings);
  add_scope(app, settings);
}

}  // namespace sujip
