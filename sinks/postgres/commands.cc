#include "sinks/postgres/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/http/metrics_server.h"
#include "core/log.h"
#include "core/postgres/migrate.h"
#include "sinks/postgres/dead_commands.h"
#include "sinks/postgres/generation_sinks.h"
#include "sinks/postgres/schema.h"
#include "sinks/postgres/tables.h"
#include "topics/generations.h"

namespace sujip {
namespace {

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void ask_to_stop(int) { stop_asked = true; }

constexpr CommandEnd kSink{""};

Datasets declarations(const Settings& settings) {
  return kSink.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage);
}

void migrate(const Settings& settings, bool dry_run) {
  const Datasets datasets = declarations(settings);
  const std::string dir = settings.share + "/sql";
  auto connection = kSink.value(pg::Connection::open(settings.pg), kExitEnvironment);
  if (dry_run) {
    for (const auto& m : kSink.value(pg::pending_migrations(connection, dir), kExitFailed)) {
      fmt::print("would apply {}\n", m.name);
    }
    return;
  }
  const auto report = kSink.value(pg::migrate(connection, dir), kExitFailed);
  for (const auto& m : report.applied) fmt::print("applied {}\n", m.name);
  // Of every generation; the sinks would make them, too.
  std::vector<sink::Table> tables;
  for (const topics::Generation& g : kSink.value(topics::read_generations(connection), kExitFailed).running())
    for (sink::Table& table : sink::declared_tables(g.of(datasets), topics::Names("", g.number).schema()))
      tables.push_back(std::move(table));
  const auto made = kSink.value(sink::ensure_tables(connection, tables), kExitFailed);
  for (const auto& table : made.created) fmt::print("created table {}\n", table);
  for (const auto& column : made.added) fmt::print("added column {}\n", column);
  for (const auto& table : made.whole) fmt::print("table {} stays in one piece, see docs/generations.md\n", table);
  fmt::print("{} migrations and {} tables in place\n", report.already + static_cast<int>(report.applied.size()),
             tables.size());
}

void run_sink(const Settings& settings, const std::string& mapping, const sink::SinkOptions& options) {
  log::start("sink", settings.log_level);
  std::optional<sink::Mapping> mapped;
  if (!mapping.empty()) mapped = kSink.value(sink::load_mapping(mapping), kExitUsage);
  const Datasets datasets = declarations(settings);
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  if (auto served = start_metrics_server(settings.metrics, "sink"); !served) {
    kSink.leave(served.error(), kExitEnvironment);
  }
  const Status ended = mapped ? sink::run_mapped_sink(settings, *mapped, options, stop_asked)
                              : sink::run_generation_sinks(settings, datasets, options, stop_asked);
  if (!ended) kSink.leave(ended.error(), kExitEnvironment);
}

}  // namespace

void add_sink_commands(CLI::App& app, const Settings& settings) {
  CLI::App* db = app.add_subcommand("db", "The database's schema");
  db->require_subcommand(1);
  auto dry_run = std::make_shared<bool>(false);
  CLI::App* migrate_command =
      db->add_subcommand("migrate", "Apply new files of sql/ and make or widen the tables of the datasets");
  migrate_command->add_flag("--dry-run", *dry_run, "Only list the files that would be applied");
  migrate_command->callback([&settings, dry_run] { migrate(settings, *dry_run); });

  auto options = std::make_shared<sink::SinkOptions>();
  CLI::App* sink_command = app.add_subcommand("sink", "Write changes, rollups and logs into PostgreSQL, exactly once");
  sink_command->add_option("--writers", options->writers, "Sessions that write; 0 = by cores")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  sink_command->add_option("--batch", options->batch_rows, "Most records of one transaction")
      ->check(CLI::Range(size_t{1}, size_t{1000000}))
      ->capture_default_str();
  sink_command->add_option("--batch-bytes", options->batch_bytes, "Most bytes of one transaction")
      ->check(CLI::Range(size_t{1024}, size_t{1} << 30))
      ->capture_default_str();
  sink_command
      ->add_option("--gather", options->gather_ms,
                   "Milliseconds that rows wait for later ones of their key: less work for the\n"
                   "database, later rows for readers")
      ->check(CLI::Range(0, 600000))
      ->capture_default_str();
  auto mapping = std::make_shared<std::string>();
  sink_command
      ->add_option("--mapping", *mapping, "Fill tables of your own: a file that says which topic, table and columns")
      ->check(CLI::ExistingFile);
  sink_command->callback([&settings, mapping, options] { run_sink(settings, *mapping, *options); });

  sink::add_dead_commands(app, settings);
}

}  // namespace sujip
