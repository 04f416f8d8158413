#include "monitoring/commands.h"

#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/http/metrics_server.h"
#include "core/log.h"
#include "core/metrics.h"
#include "monitoring/board/board_json.h"
#include "monitoring/board/board_server.h"
#include "monitoring/evaluator.h"

namespace sujip {
namespace {

constexpr CommandEnd kMonitor{"monitor"};

// Prints the state of everything as JSON; exit code 3 when something is overdue, held or failed.
void once(const Settings& settings) {
  auto connection = pg::Connection::open(settings.pg);
  if (!connection) kMonitor.leave(connection.error(), kExitEnvironment);
  const auto data = monitoring::read_board(*connection);
  if (!data) kMonitor.leave(data.error(), kExitEnvironment);
  fmt::print("{}\n", board::board_json(*data, false));
  for (const auto& source : data->sources)
    if (source.needs_attention()) throw CLI::RuntimeError(kExitIncomplete);
}

void monitor(const Settings& settings) {
  log::start("monitor", settings.log_level);
  // Blocked before any thread exists, so that all inherit it and sigwait() below gets the signal.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  http::EventHub hub;
  monitoring::Evaluator::Options options;
  options.pg = settings.pg;
  monitoring::Evaluator evaluator(options, hub);
  if (const Status served = start_metrics_server(settings.metrics, "monitor"); !served)
    kMonitor.leave(served.error(), kExitEnvironment);
  auto board = board::BoardServer::start(settings, evaluator, hub);
  if (!board) kMonitor.leave(board.error(), kExitEnvironment);
  evaluator.start();
  log::info("board on http://{}", settings.board);
  int signal = 0;
  sigwait(&signals, &signal);
  evaluator.stop();  // before the server: it sends to the browsers
}

std::string_view name_of(metrics::Kind kind) {
  switch (kind) {
    case metrics::Kind::counter:
      return "counter";
    case metrics::Kind::gauge:
      return "gauge";
    case metrics::Kind::histogram:
      return "histogram";
  }
  return "";
}

// The table of docs/metrics.md; a test compares them.
void list_metrics() {
  fmt::print("| name | kind | labels | meaning |\n|---|---|---|---|\n");
  for (const metrics::Entry& entry : metrics::catalogue())
    fmt::print("| `sujip_{}` | {} | {} | {} |\n", entry.name, name_of(entry.kind), entry.labels, entry.help);
}

}  // namespace

void add_monitoring_commands(CLI::App& app, const Settings& settings) {
  CLI::App* command = app.add_subcommand("monitor", "Judge what is complete, and serve the board (SUJIP_BOARD)");
  auto just_once = std::make_shared<bool>(false);
  command->add_flag("--once", *just_once,
                    "Print the state as JSON and end; exit code 3 when something needs attention");
  command->callback([&settings, just_once] {
    if (*just_once) {
      once(settings);
    } else {
      monitor(settings);
    }
  });
  CLI::App* group = app.add_subcommand("metrics", "Prometheus metrics");
  group->require_subcommand(1);
  group->add_subcommand("list", "Every metric sujip exports, as a table")->callback(list_metrics);
}

}  // namespace sujip
