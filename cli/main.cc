// Composes the rooms; nothing includes it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "archive/commands.h"
#include "cli/doctor.h"
#include "cli/generation.h"
#include "cli/lag.h"
#include "cli/replay.h"
#include "cli/reset.h"
#include "cli/tail.h"
#include "cli/topology.h"
#include "cli/up.h"
#include "core/exit_codes.h"
#include "core/log.h"
#include "core/settings.h"
#include "monitoring/commands.h"
#include "processors/commands.h"
#include "producers/commands.h"
#include "sinks/postgres/commands.h"
#include "topics/commands.h"

// Read by jemalloc when it starts. The clients' threads are many and mostly idle: two arenas keep what
// they free from being spread over dozens, and what is free goes back after half a second. A message is
// made by one thread and freed by another: they meet in an arena for hundreds at a time.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:2,dirty_decay_ms:500,muzzy_decay_ms:0,tcache_nslots_small_max:2000,lg_tcache_nslots_mul:3";
}

int main(int argc, char** argv) {
  using namespace sujip;
  Settings settings = Settings::from_environment();
  CLI::App app{
      "sujip (수집): collects accounts, status and reports from media, suppliers, malls and markets,\n"
      "keeps every raw answer in Kafka and folds it exactly once into PostgreSQL.\n"
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 refused or not complete, 4 broker or database."};
  app.require_subcommand(1);
  app.set_version_flag("--version", SUJIP_VERSION);
  app.fallthrough();
  const auto option = [&](const char* name, std::string& value, const char* help) {
    app.add_option(name, value, help)->capture_default_str()->group("Surroundings");
  };
  option("--kafka", settings.kafka, "Bootstrap servers (SUJIP_KAFKA)");
  // Without its default in --help: a URI may carry a password.
  app.add_option("--pg", settings.pg, "PostgreSQL, a libpq URI (SUJIP_PG)")->group("Surroundings");
  option("--home", settings.home, "Folder of local state (SUJIP_HOME)");
  option("--share", settings.share, "Folder of topics/, producers/connectors/, sql/ (SUJIP_SHARE)");
  option("--metrics", settings.metrics, "host:port of /metrics of this role (SUJIP_METRICS)");
  option("--board", settings.board, "host:port of the board (SUJIP_BOARD)");
  option("--prefix", settings.prefix, "Prefix of topics and groups (SUJIP_PREFIX)");
  option("--instance", settings.instance, "Stable name of this process (SUJIP_INSTANCE)");
  option("--log", settings.log_level, "debug | info | warn | error (SUJIP_LOG)");

  add_up_command(app, settings);
  add_doctor_command(app, settings);
  add_lag_command(app, settings);
  add_tail_command(app, settings);
  add_topology_command(app, settings);
  add_reset_command(app, settings);
  add_replay_command(app, settings);
  add_generation_commands(app, settings);
  add_topics_commands(app, settings);
  add_producer_commands(app, settings);
  add_processors_commands(app, settings);
  add_sink_commands(app, settings);
  add_monitoring_commands(app, settings);
  add_archive_commands(app, settings);

  try {
    log::start("sujip", settings.log_level);
    app.parse(argc, argv);
    return kExitOk;
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sujip: {}\n", error.what());
    return kExitFailed;
  }
}
