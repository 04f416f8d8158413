#include "cli/replay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "cli/generation_parts.h"
#include "cli/give_way.h"
#include "cli/in_step.h"
#include "core/exit_codes.h"
#include "core/json_text.h"
#include "core/log.h"
#include "core/progress_line.h"
#include "core/stop_signal.h"
#include "processors/generation_lanes.h"
#include "sinks/postgres/generation_sinks.h"
#include "sinks/postgres/rows.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

// Caught up: all that was there at a moment has come through in so short a time.
constexpr auto kShort = std::chrono::seconds(5);
constexpr auto kAlone = std::chrono::seconds(10);
constexpr int64_t kLockKey = 0x73756A6970726570;  // one replay at a time

struct ReplayOptions {
  std::vector<std::string> datasets;
  std::string from, to, mapping;
  bool dry_run = false;
  bool full_speed = false;
  double rate = 0;  // records a second; 0: as many as live data can bear
  int replication = 1;
  ProcessOptions process;
};

std::optional<Day> day_or_throw(const std::string& text, Status& status, const char* option) {
  if (text.empty()) return std::nullopt;
  const auto day = Day::parse(text);
  if (!day) status = Error{"'" + text + "' is not a date", option, "2024-03-04"};
  return day;
}

// The generation as it was asked for.
Result<topics::Generation> asked_for(const ReplayOptions& options, const Datasets& all) {
  topics::Generation g;
  g.state = topics::GenerationState::building;
  Status status;
  g.from = day_or_throw(options.from, status, "--from");
  g.to = day_or_throw(options.to, status, "--to");
  SUJIP_CHECK_OK(status);
  if (g.from && g.to && *g.to < *g.from) return Error{"--to lies before --from", "", ""};
  for (const std::string& name : options.datasets) {
    if (all.find(name) == nullptr) return Error{"there is no such dataset", name, "see topics/datasets/"};
    g.datasets.push_back(name);
  }
  std::sort(g.datasets.begin(), g.datasets.end());
  g.datasets.erase(std::unique(g.datasets.begin(), g.datasets.end()), g.datasets.end());
  if (!options.mapping.empty()) {
    std::ifstream in(options.mapping, std::ios::binary);
    g.mapping.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    g.mapping_file = options.mapping;
    if (!in && !in.eof()) return Error{"reading failed", options.mapping, ""};
    SUJIP_CHECK_OK(parse_mapping(g.mapping, g.mapping_file, all));
  }
  return g;
}

bool says_the_same(const topics::Generation& a, const topics::Generation& b) {
  return a.datasets == b.datasets && a.from == b.from && a.to == b.to && a.mapping == b.mapping;
}

class Replay {
 public:
  Replay(const Settings& settings, const ReplayOptions& options) : settings_(settings), options_(options) {}

  Status run() {
    SUJIP_TRY(const Datasets all, Datasets::load(settings_.share + "/topics/datasets"));
    SUJIP_TRY(generation_, asked_for(options_, all));
    SUJIP_TRY(auto connection, pg::Connection::open(settings_.pg));
    SUJIP_CHECK_OK(find_or_number(connection));
    const GenerationParts parts(settings_, all, generation_);
    if (options_.dry_run) {
      for (const std::string& line : parts.lines()) fmt::print("{}\n", line);
      fmt::print("generation {} would be {}; nothing was done (--dry-run)\n", generation_.number,
                 continued_ ? "continued" : "made");
      return {};
    }
    SUJIP_CHECK_OK(be_alone(connection));
    if (!continued_) SUJIP_CHECK_OK(note(connection));
    SUJIP_TRY(const auto admin, kafka::Admin::create(settings_.kafka));
    SUJIP_CHECK_OK(parts.make(*admin, connection, options_.replication));
    fmt::print(stderr, "generation {}: {}\n", generation_.number, continued_ ? "continued" : "begun");
    SUJIP_CHECK_OK(build(all));
    if (!caught_up_) return {};
    SUJIP_CHECK_OK(note_ready(connection));
    std::string out = "{";
    append_json_field(out, "generation", generation_.number);
    append_json_field(out, "events", events_);
    append_json_name(out, "seconds");
    out += fmt::format("{:.1f}", seconds_);
    append_json_field(out, "events_per_s",
                      static_cast<int64_t>(static_cast<double>(events_) / std::max(seconds_, 0.1)));
    fmt::print(
        "generation {0} has caught up and is kept in step by `sujip process` and `sujip sink`\n"
        "compare: sujip generation diff {0}   show it to readers: sujip generation swap "
        "{0}\n{1}}}\n",
        generation_.number, out);
    return {};
  }

  bool caught_up() const { return caught_up_ || options_.dry_run; }

 private:
  // One that is being built is continued; another one must not be asked for.
  Status find_or_number(pg::Connection& connection) {
    SUJIP_TRY(const auto there, connection.query("select to_regclass('sujip.generation') is not null"));
    if (!there.boolean(0, 0)) return Error{"the schema is not there yet", connection.where(), "run `sujip db migrate`"};
    SUJIP_TRY(const auto generations, topics::read_generations(connection));
    for (const topics::Generation& g : generations.all)
      if (g.state == topics::GenerationState::live) live_.push_back(g);
    for (const topics::Generation& g : generations.all) {
      if (g.state != topics::GenerationState::building) continue;
      const bool any =
          options_.datasets.empty() && options_.from.empty() && options_.to.empty() && options_.mapping.empty();
      if (!any && !says_the_same(g, generation_))
        return Error{fmt::format("generation {} is being built with other options", g.number), "",
                     fmt::format("`sujip replay` continues it, `sujip generation drop {}` gives it up", g.number)};
      generation_ = g;
      continued_ = true;
      return {};
    }
    generation_.number = generations.all.back().number + 1;
    return {};
  }

  // The session of one that was killed a moment ago is there until the server notices.
  static Status be_alone(pg::Connection& connection) {
    const auto deadline = Clock::now() + kAlone;
    for (;;) {
      SUJIP_TRY(const auto alone, connection.query("select pg_try_advisory_lock($1::bigint)", kLockKey));
      if (alone.boolean(0, 0)) return {};
      if (Clock::now() >= deadline) return Error{"another `sujip replay` is running", connection.where(), ""};
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  Status note(pg::Connection& connection) {
    std::optional<std::string> datasets;
    if (!generation_.datasets.empty()) datasets = sink::array_of(generation_.datasets);
    const auto text = [](const std::optional<Day>& day) {
      return day ? std::optional<std::string>(day->str()) : std::nullopt;
    };
    const auto filled = [](const std::string& s) { return s.empty() ? std::nullopt : std::optional<std::string>(s); };
    SUJIP_CHECK_OK(
        connection.query("insert into sujip.generation (number, state, datasets, from_date, "
                         "to_date, mapping, mapping_file) "
                         "values ($1, 'building', $2::text[], $3::date, $4::date, $5, $6)",
                         generation_.number, datasets, text(generation_.from), text(generation_.to),
                         filled(generation_.mapping), filled(generation_.mapping_file)));
    return {};
  }

  // The session is from the beginning, and hours may have passed.
  Status note_ready(pg::Connection& connection) {
    const auto note = [&] {
      return connection.query(
          "update sujip.generation set state = 'ready', ready_at = now() where "
          "number = $1 and state = 'building'",
          generation_.number);
    };
    auto noted = note();
    if (!noted && connection.trouble() == pg::Trouble::connection) {
      SUJIP_TRY(connection, pg::Connection::open(settings_.pg));
      noted = note();
    }
    if (!noted) return noted.error();
    return {};
  }

  Status build(const Datasets& all) {
    const std::stop_token stop = stop_on_signal();
    // Live traffic comes first.
    if (nice(19) == -1) log::debug("no lower priority");
    Settings own = settings_;
    own.instance += kReplaySuffix;
    const auto live = std::make_shared<topics::Liveness>(generation_.number);
    const auto memory = MemoryBudget::within(options_.process.cache_mb);
    std::shared_ptr<Pace> pace;
    std::optional<GiveWay> give_way;
    if (!options_.full_speed) pace = std::make_shared<Pace>();
    if (options_.rate > 0) {
      pace->set(options_.rate);
    } else if (pace) {
      SUJIP_TRY(give_way, GiveWay::watch(settings_, live_, pace, stop));
    }
    SUJIP_TRY(const auto lanes, GenerationLanes::start(own, options_.process, generation_, live, memory, pace));
    sink::SinkOptions sink_options;
    // A session that writes takes a core, whatever our priority: one, unless nobody is to be spared.
    sink_options.writers = options_.full_speed ? 2 : 1;
    sink_options.gather_ms = 1000;
    sink::RunningSink sink(own, sink::declared_work(generation_.of(all), {own.prefix, generation_.number}),
                           sink_options, live);
    SUJIP_TRY(auto look, InStep::open(own, generation_));
    const auto began = Clock::now();
    auto round = began;
    auto shown = began - std::chrono::seconds(1);
    int64_t read_at_start = -1;
    ProgressLine line;
    while (!stop.stop_requested()) {
      if (const auto problem = lanes->problem()) return *problem;
      if (const auto problem = sink.problem()) return *problem;
      if (give_way) SUJIP_CHECK_OK(give_way->turn());
      const auto reached = look.reached();
      if (reached.ok() && *reached) {
        if (Clock::now() - round < kShort) {
          caught_up_ = true;
          break;
        }
        round = Clock::now();
        look.restart();
      }
      if (Clock::now() - shown >= std::chrono::seconds(1)) {
        shown = Clock::now();
        if (const auto p = look.progress(); p.ok()) {
          seconds_ = std::chrono::duration<double>(shown - began).count();
          if (read_at_start < 0) read_at_start = p->read;
          events_ = p->read - read_at_start;
          line.show(fmt::format("[{:4.0f} s] raw {} of {} ({} %), {:.0f}/s, to write {}{}", seconds_, p->read, p->all,
                                p->all == 0 ? 100 : p->read * 100 / p->all,
                                static_cast<double>(events_) / std::max(seconds_, 0.1), p->to_write,
                                give_way ? "; " + give_way->text() : ""));
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    line.clear();
    seconds_ = std::chrono::duration<double>(Clock::now() - began).count();
    if (const auto p = look.progress(); p.ok()) events_ = p->read - std::max<int64_t>(read_at_start, 0);
    return {};
  }

  const Settings& settings_;
  const ReplayOptions& options_;
  topics::Generation generation_;
  std::vector<topics::Generation> live_;
  bool continued_ = false;
  bool caught_up_ = false;
  int64_t events_ = 0;
  double seconds_ = 0;
};

}  // namespace

void add_replay_command(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<ReplayOptions>();
  options->process.session_timeout_ms = 6000;  // so that the roles take over soon
  // Nobody waits for it: few commits, and few writes of one and the same total.
  options->process.commit_interval_ms = 500;
  CLI::App* command = app.add_subcommand("replay",
                                         "Build the next generation from the raw topics, beside the live one\n"
                                         "It has its own topics, groups, state and tables; readers see nothing of "
                                         "it. Ends when it has caught up; then\n"
                                         "`sujip process` and `sujip sink` keep it in step. Stopped or killed, the "
                                         "same command goes on where it was.\n"
                                         "See `sujip generation list|diff|swap|drop` and docs/generations.md.");
  command->add_option("--dataset", options->datasets, "Only this dataset; may be said more than once. Default: all");
  command->add_option("--from", options->from,
                      "Only scopes of this date or later: the date of the slice, or, where that is\n"
                      "none, the day of the snapshot in Seoul. To compare, not to swap");
  command->add_option("--to", options->to, "Only scopes of this date or earlier");
  command->add_option("--mapping", options->mapping, "A mapping.yaml that stands in for that of its source")
      ->check(CLI::ExistingFile);
  command->add_flag("--full-speed", options->full_speed, "Don't give way when live data come late");
  command->add_option("--rate", options->rate, "This many raw records a second, whatever live data make of it")
      ->check(CLI::PositiveNumber)
      ->excludes("--full-speed");
  command->add_flag("--dry-run", options->dry_run, "Only list what it would make");
  command->add_option("--lanes", options->process.lanes, "Threads per processing stage")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--replication", options->replication, "Copies of each topic")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  command->callback([&settings, options] {
    log::start("replay", settings.log_level);
    Replay replay(settings, *options);
    if (const Status s = replay.run(); !s.ok()) {
      fmt::print(stderr, "sujip replay: {}\n", s.error().message());
      throw CLI::RuntimeError(kExitFailed);
    }
    if (!replay.caught_up()) throw CLI::RuntimeError(kExitIncomplete);
  });
}

}  // namespace sujip
