#include "cli/up.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "cli/drain.h"
#include "cli/summary.h"
#include "cli/supervisor.h"
#include "core/exit_codes.h"
#include "core/log.h"
#include "core/progress_line.h"
#include "core/stop_signal.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

struct UpOptions {
  bool once = false;
  bool no_guard = false;
  int lanes = 1;
};

// The roles serve /metrics on the port given and the three behind it: collect, process, sink, monitor.
std::string metrics_address(const Settings& settings, int n) {
  if (settings.metrics.empty()) return {};
  const HostPort base = parse_host_port(settings.metrics, 8480);
  return fmt::format("{}:{}", base.host, base.port + n);
}

std::vector<RoleSpec> roles(const Settings& settings, const UpOptions& options) {
  const std::string logs = settings.home + "/log";
  std::filesystem::create_directories(logs);
  std::vector<RoleSpec> out;
  const auto add = [&](const std::string& name, std::vector<std::string> arguments) {
    RoleSpec role;
    role.name = name;
    role.arguments = std::move(arguments);
    role.environment = {{"SUJIP_KAFKA", settings.kafka},
                        {"SUJIP_PG", settings.pg},
                        {"SUJIP_HOME", settings.home},
                        {"SUJIP_SHARE", settings.share},
                        {"SUJIP_PREFIX", settings.prefix},
                        {"SUJIP_INSTANCE", settings.instance},
                        {"SUJIP_LOG", settings.log_level},
                        {"SUJIP_BOARD", settings.board},
                        {"SUJIP_METRICS", metrics_address(settings, static_cast<int>(out.size()))}};
    role.log_file = fmt::format("{}/{}.log", logs, name);
    out.push_back(std::move(role));
  };
  std::vector<std::string> collect = {"collect"};
  if (options.once) collect.emplace_back("--once");
  if (options.no_guard) collect.emplace_back("--no-guard");
  add("collect", collect);
  out.back().once = options.once;
  out.back().output_file = logs + "/collect.out";
  add("process", {"process", "--lanes", std::to_string(options.lanes)});
  add("sink", {"sink"});
  add("monitor", {"monitor"});
  return out;
}

std::string last_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::string last;
  while (std::getline(in, line))
    if (!line.empty()) last = line;
  return last.starts_with('{') ? last : std::string();
}

class Up {
 public:
  Up(const Settings& settings, const UpOptions& options)
      : settings_(settings), options_(options), stop_(stop_on_signal()) {}

  int run() {
    const auto opened = open();
    if (!opened.ok()) {
      fmt::print(stderr, "sujip up: {}\n", opened.error().message());
      return kExitEnvironment;
    }
    Supervisor supervisor(roles(settings_, options_));
    const int code = options_.once ? until_complete(supervisor) : until_stopped(supervisor);
    progress_.clear();
    supervisor.stop(std::chrono::seconds(5));
    if (options_.once && code >= 0) return finish(code);
    return code < 0 ? kExitFailed : code;
  }

 private:
  Status open() {
    SUJIP_TRY(datasets_, Datasets::load(settings_.share + "/topics/datasets"));
    SUJIP_TRY(drain_, Drain::open(settings_));
    SUJIP_TRY(auto connection, pg::Connection::open(settings_.pg));
    pg_ = std::make_unique<pg::Connection>(std::move(connection));
    SUJIP_TRY(before_, Totals::read(*pg_));
    return {};
  }

  // The database or broker may be away for a while: then there is nothing to tell, and no reason to end.
  void show(Supervisor& supervisor, std::string_view what) {
    if (Clock::now() - shown_ < std::chrono::seconds(1)) return;
    shown_ = Clock::now();
    const auto now = totals();
    const auto lag = drain_->lag();
    std::string text = fmt::format("[{:4.0f} s] {}", seconds(), what);
    if (now)
      text += fmt::format(": {} runs, {} rows, +{} ~{} -{}", now->runs - before_->runs, now->rows - before_->rows,
                          now->created - before_->created, now->updated - before_->updated,
                          now->deleted - before_->deleted);
    if (lag.ok()) text += fmt::format(", behind: process {}, sink {}", lag->process, lag->sink);
    if (now && now->held > 0) text += fmt::format(", {} held", now->held);
    if (const std::string trouble = supervisor.trouble(); !trouble.empty()) text += ", " + trouble;
    progress_.show(text);
  }

  std::optional<Totals> totals() {
    if (auto now = Totals::read(*pg_); now.ok()) return *now;
    if (auto again = pg::Connection::open(settings_.pg); again.ok()) {
      *pg_ = *std::move(again);
      if (auto reopened = Drain::open(settings_); reopened.ok()) drain_ = *std::move(reopened);
    }
    return std::nullopt;
  }

  int until_stopped(Supervisor& supervisor) {
    fmt::print(stderr, "board: http://{}\n", settings_.board);
    while (!stop_.stop_requested()) {
      supervisor.tend();
      show(supervisor, "running");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return kExitOk;
  }

  // The collector's exit code when everything is in the tables; -1 when stopped before.
  int until_complete(Supervisor& supervisor) {
    auto looked = Clock::now();
    while (!stop_.stop_requested()) {
      supervisor.tend();
      const auto collected = supervisor.ended("collect");
      show(supervisor, collected ? "draining" : "collecting");
      if (collected && Clock::now() - looked > std::chrono::milliseconds(300)) {
        const auto done = drain_->drained();
        looked = Clock::now();
        if (done.ok() && *done) return *collected;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return -1;
  }

  int finish(int collected) {
    const auto now = totals();
    if (!now) {
      fmt::print(stderr, "sujip up: the database does not answer\n");
      return kExitEnvironment;
    }
    if (const Status s = print_summary(*pg_, *datasets_, *before_, *now); !s.ok())
      fmt::print(stderr, "sujip up: {}\n", s.error().message());
    const bool complete = collected == kExitOk && now->incomplete == before_->incomplete;
    fmt::print("{}\n", summary_json(*pg_, *datasets_, *before_, *now, last_line(settings_.home + "/log/collect.out"),
                                    complete, seconds()));
    if (complete) return kExitOk;
    return collected == kExitOk ? kExitIncomplete : collected;
  }

  double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

  Settings settings_;
  UpOptions options_;
  std::stop_token stop_;
  std::optional<Datasets> datasets_;
  std::optional<Drain> drain_;
  std::unique_ptr<pg::Connection> pg_;
  std::optional<Totals> before_;
  ProgressLine progress_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point shown_{};
};

}  // namespace

void add_up_command(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<UpOptions>();
  CLI::App* command = app.add_subcommand("up", "All roles on this machine, restarted when they die");
  command->add_flag("--once", options->once,
                    "End when everything due is collected and in the tables; the last line is JSON");
  command->add_flag("--no-guard", options->no_guard, "Do not hold snapshots in which most rows vanish");
  command->add_option("--lanes", options->lanes, "Threads per processing stage")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->callback([&settings, options] {
    log::start("up", settings.log_level);
    const int code = Up(settings, *options).run();
    if (code != kExitOk) throw CLI::RuntimeError(code);
  });
}

}  // namespace sujip
