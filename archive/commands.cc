#include "archive/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>

#include "archive/archiver.h"
#include "archive/catalogue_of.h"
#include "archive/restorer.h"
#include "archive/verify.h"
#include "core/command_end.h"
#include "core/exit_codes.h"
#include "core/log.h"
#include "core/progress_line.h"
#include "core/stop_signal.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string dir;
  std::vector<std::string> topics;
  int segment_mb = 64;
  int64_t batch = 50000;
  bool dry_run = false;
};

constexpr CommandEnd kArchive{"archive"};
constexpr CommandEnd kVerify{"archive verify"};
constexpr CommandEnd kRestore{"restore"};

std::string mebibytes(int64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

// A line a few times a second, with what is done, how fast, and how much of all of it.
class Meter {
 public:
  void show(const std::string& at, int64_t done, int64_t all, int64_t before, const std::string& more) {
    const auto now = Clock::now();
    if (now - shown_ < std::chrono::milliseconds(200)) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    line_.show(fmt::format("{}: {} of {} ({} %), {:.0f}/s{}", at, before + done, all,
                           all == 0 ? 100 : (before + done) * 100 / all,
                           static_cast<double>(done) / std::max(seconds, 0.001), more));
  }
  void clear() { line_.clear(); }

 private:
  ProgressLine line_;
  Clock::time_point began_ = Clock::now();
  Clock::time_point shown_ = Clock::now();
};

archive::ArchiveOptions archive_options(const Settings& settings, const Options& options) {
  const Datasets datasets = kArchive.value(Datasets::load(settings.share + "/topics/datasets"), kExitUsage);
  archive::ArchiveOptions out;
  out.dir = options.dir;
  out.topics = kArchive.value(archive::choose_topics(datasets, options.topics), kExitUsage);
  out.segment_bytes = static_cast<int64_t>(options.segment_mb) << 20;
  return out;
}

void write(const Settings& settings, const Options& options) {
  if (options.dir.empty()) kArchive.leave({"no folder", "", "sujip archive DIR"}, kExitUsage);
  const archive::ArchiveOptions what = archive_options(settings, options);
  if (options.dry_run) {
    const auto plan = kArchive.value(archive::plan_archive(settings, what), kExitFailed);
    for (const auto& step : plan.steps)
      fmt::print("{:<20} {:>2}  {:>12} .. {:<12} {}\n", step.topic, step.partition, step.from, step.to,
                 step.to == step.from ? "nothing new" : fmt::format("at most {} records", step.to - step.from));
    fmt::print("{}: at most {} new records; nothing was written (--dry-run)\n", options.dir, plan.offsets());
    return;
  }
  const std::stop_token stop = stop_on_signal();
  Meter meter;
  auto result =
      archive::write_archive(settings, what, stop, [&](const archive::ArchivePlan& plan, const archive::Archived& at) {
        meter.show(at.at, at.offsets, plan.offsets(), 0, ", " + mebibytes(at.bytes) + " packed");
      });
  meter.clear();
  const auto done = kArchive.value(std::move(result), kExitFailed);
  fmt::print("{}: {} new records in {} segments, {}\n", options.dir, done.records, done.segments,
             mebibytes(done.bytes));
  if (done.stopped)
    kArchive.leave({"stopped", done.at, "what was read is in the archive; start again for the rest"}, kExitIncomplete);
}

void check(const Options& options) {
  const std::stop_token stop = stop_on_signal();
  ProgressLine line;
  auto result =
      archive::verify(options.dir, options.topics, stop, [&](const archive::Verified& at, const std::string& file) {
        line.show(fmt::format("{} segments, {}: {}", at.segments, mebibytes(at.bytes), file));
      });
  line.clear();
  const auto done = kVerify.value(std::move(result), kExitFailed);
  for (const Error& damage : done.damage) fmt::print("DAMAGED  {}\n", damage.message());
  for (const std::string& file : done.left_behind)
    fmt::print("left     {}: not finished when an archive was interrupted; the next one writes it again\n", file);
  fmt::print("{}: {} segments, {} records, {}, {} damaged\n", options.dir, done.segments, done.records,
             mebibytes(done.bytes), done.damage.size());
  if (done.stopped) kVerify.leave({"stopped before the end", options.dir, ""}, kExitIncomplete);
  if (!done.damage.empty()) throw CLI::RuntimeError(kExitFailed);
}

void restore(const Settings& settings, const Options& options) {
  const auto plan = kRestore.value(archive::plan_restore(settings, options.dir, options.topics), kExitFailed);
  if (options.dry_run) {
    for (const auto& step : plan.steps)
      fmt::print("{:<20} {:>2}  {:>12} records{}\n", settings.prefix + step.topic, step.partition, step.total,
                 step.before == 0 ? "" : fmt::format(", {} of them restored before", step.before));
    fmt::print("{} records to restore; nothing was written (--dry-run)\n", plan.total() - plan.before());
  }
  for (const Error& error : plan.refused) fmt::print(stderr, "sujip restore: {}\n", error.message());
  if (!plan.refused.empty()) throw CLI::RuntimeError(kExitIncomplete);
  if (options.dry_run) return;
  if (plan.before() > 0) fmt::print("{} of {} records are there already: going on\n", plan.before(), plan.total());
  const std::stop_token stop = stop_on_signal();
  Meter meter;
  auto result = archive::restore(settings, {options.dir, options.topics, options.batch}, stop,
                                 [&](const archive::RestorePlan& now, const archive::Restored& done) {
                                   meter.show(done.at, done.records, now.total(), now.before(), "");
                                 });
  meter.clear();
  const auto done = kRestore.value(std::move(result), kExitFailed);
  fmt::print("{} records restored\n", done.records);
  if (done.stopped) kRestore.leave({"stopped", done.at, "start again for the rest"}, kExitIncomplete);
}

void add_archive(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "archive",
      "Raw topics into compressed files: what is new since the last time\n"
      "Works beside running roles and may be killed at any moment: the next call goes on. Committed records\n"
      "only, with keys, headers and times. One folder holds the archive of one Kafka and prefix.");
  command->add_option("dir", options->dir, "Folder of the archive; made when it is not there");
  command->add_option("--topic", options->topics,
                      "Only this one (without prefix); may be given again. Besides raw topics: run.log, with what\n"
                      "collectors said of their attempts");
  command->add_option("--segment-mb", options->segment_mb, "Unpacked size at which a file is closed")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--dry-run", options->dry_run, "Only say what would be read");

  auto verified = std::make_shared<Options>();
  CLI::App* verify = command->add_subcommand("verify", "Check every segment: size, checksum, records");
  verify->add_option("dir", verified->dir, "Folder of the archive")->required();
  verify->add_option("--topic", verified->topics, "Only this one; may be given again");
  verify->callback([verified] { check(*verified); });
  command->callback([&settings, options, command] {
    if (command->get_subcommands().empty()) write(settings, *options);
  });
}

void add_restore(CLI::App& app, const Settings& settings) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "restore",
      "An archive into empty raw topics, exactly once\n"
      "Partitions, keys, headers and times are kept, offsets are not. Killed at any moment: the same call goes\n"
      "on. Processors and sinks then build everything else. Refused while a topic holds something else, or\n"
      "while processors run.");
  command->add_option("dir", options->dir, "Folder of the archive")->required();
  command->add_option("--topic", options->topics, "Only this one; may be given again");
  command->add_option("--batch", options->batch, "Most records of one transaction")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  command->add_flag("--dry-run", options->dry_run, "Only say what would be written");
  command->callback([&settings, options] { restore(settings, *options); });
}

}  // namespace

void add_archive_commands(CLI::App& app, const Settings& settings) {
  add_archive(app, settings);
  add_restore(app, settings);
}

}  // namespace sujip
