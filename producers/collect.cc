#include "producers/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>

#include "core/exit_codes.h"
#include "core/json_text.h"
#include "core/log.h"
#include "producers/api_runners.h"
#include "producers/feed_source.h"
#include "producers/files/folder_watch.h"
#include "producers/progress.h"
#include "producers/raw_target.h"
#include "producers/registry/runner_lock.h"
#include "producers/registry/sources.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;
using feeds::FeedCounts;

constexpr auto kGlance = std::chrono::milliseconds(200);   // how often `stop` is looked at
constexpr auto kFeedRetryAfter = std::chrono::seconds(3);  // broker or database away
constexpr auto kPatience = std::chrono::seconds(60);       // of a single pass, for one to come back
constexpr int kMostTroubles = 5;                           // of a single pass

std::string summary_json(const FeedCounts& counts) {
  std::string json = "{";
  append_json_field(json, "files", counts.files);
  append_json_field(json, "rows", counts.rows);
  append_json_field(json, "skipped", counts.skipped);
  append_json_name(json, "refused");
  json += '[';
  for (size_t i = 0; i < counts.refused.size(); ++i) {
    const feeds::Refusal& refusal = counts.refused[i];
    std::string one = "{";
    append_json_field(one, "file", refusal.file);
    append_json_field(one, "row", refusal.row);
    append_json_field(one, "column", refusal.column);
    append_json_field(one, "reason", refusal.reason);
    json += (i == 0 ? "" : ",") + one + "}";
  }
  json += ']';
  append_json_field(json, "runs", counts.runs);
  return json + "}";
}

// One process that collects: what it has open, and the sources it runs.
class Collector {
 public:
  Collector(const Settings& settings, const CollectOptions& options, std::stop_token stop)
      : settings_(settings),
        options_(options),
        stop_(std::move(stop)),
        progress_(options.progress),
        apis_(settings, {options.once, options.guard, options.backfill}, stop_) {}

  int run() {
    int code = open();
    if (options_.once) return code == kExitOk ? run_once() : code;
    if (code == kExitUsage) return code;
    for (;;) {
      if (code == kExitOk) {
        const Status status = run_until_trouble();
        if (status.ok()) return nothing_to_do() && busy_ ? kExitIncomplete : kExitOk;
        log::error("{}", status.error().message());
      }
      if (!pause(kFeedRetryAfter)) return kExitOk;
      code = open();
      if (code == kExitUsage) return code;
    }
  }

 private:
  struct Entry {
    FeedSource feed;
    Clock::time_point due = Clock::now();
  };

  // Connections, registered sources, their connectors. Everything is tried before anything starts.
  int open() {
    sources_.clear();
    api_names_.clear();
    target_.reset();
    db_.reset();
    busy_ = false;
    pg::ConnectOptions how;
    how.application_name = registry::runner_name("collect");
    auto db = pg::Connection::open(settings_.pg, how);
    if (!db) return environment(db.error());
    db_ = std::make_unique<pg::Connection>(std::move(*db));
    auto datasets = Datasets::load(settings_.share + "/topics/datasets");
    if (!datasets) return usage(datasets.error());
    auto registered = registry::list_sources(*db_);
    if (!registered) return environment(registered.error());
    for (const std::string& wanted : options_.sources) {
      const bool known = std::any_of(registered->begin(), registered->end(),
                                     [&](const auto& source) { return source.name == wanted; });
      if (!known) return usage({"no such source", wanted, "see `sujip source list`"});
    }
    std::vector<FeedSource> opened;
    for (const registry::Source& source : *registered) {
      if (!wanted(source)) continue;
      if (source.kind != "files") {
        api_names_.push_back(source.name);
        continue;
      }
      if (options_.backfill.is_given()) {
        return usage({"a source of files has no accounts or days to choose", source.name,
                      "offer a file again with `sujip upload`"});
      }
      auto feed = FeedSource::open(settings_, source, *datasets);
      if (!feed) return usage(feed.error());
      opened.push_back(std::move(*feed));
    }
    auto target = RawTarget::open(settings_);
    if (!target) return environment(target.error());
    target_ = std::make_unique<RawTarget>(std::move(*target));
    for (FeedSource& feed : opened) {
      auto holder = registry::lock_source(*db_, feed.name());
      if (!holder) return environment(holder.error());
      if (!holder->empty()) {
        log::warn("{} is collected by {}", feed.name(), *holder);
        busy_ = true;
        continue;
      }
      sources_.push_back({std::move(feed), Clock::now()});
    }
    return kExitOk;
  }

  bool wanted(const registry::Source& source) const {
    if (options_.sources.empty()) return source.enabled;
    return std::find(options_.sources.begin(), options_.sources.end(), source.name) != options_.sources.end();
  }

  int run_once() {
    FeedCounts all;
    std::set<std::string> done;
    for (const std::string& name : api_names_) apis_.start(name);
    Status status = pass_over(done, all);
    for (int times = 0; !status.ok() && times < kMostTroubles; ++times) {
      log::warn("{}; going on when it is back", status.error().message());
      if (!come_back()) break;
      status = pass_over(done, all);
    }
    int code = busy_ ? kExitIncomplete : kExitOk;
    if (!status.ok()) {
      log::error("{}", status.error().message());
      code = kExitEnvironment;
    }
    const ApiRunners::Sum apis = apis_.join();
    all.rows += apis.rows;
    all.runs += apis.collected;
    all.skipped += apis.same;
    code = std::max(code, apis.code);
    if (code == kExitOk && (!all.refused.empty() || stop_.stop_requested())) code = kExitIncomplete;
    fmt::print("{}\n", summary_json(all));
    std::fflush(stdout);
    return code;
  }

  // One pass of each source that is not among `done` yet.
  Status pass_over(std::set<std::string>& done, FeedCounts& all) {
    for (Entry& entry : sources_) {
      if (done.contains(entry.feed.name())) continue;
      auto counts = pass(entry, nullptr);
      progress_.finish();
      if (!counts) {
        Error error = counts.error();
        error.what = entry.feed.name() + ": " + error.what;
        return error;
      }
      all += *counts;
      done.insert(entry.feed.name());
    }
    return {};
  }

  // Connects anew to a broker and a database that were lost. False: they stayed away, or asked to stop.
  bool come_back() {
    const auto deadline = Clock::now() + kPatience;
    while (Clock::now() < deadline && pause(kFeedRetryAfter))
      if (open() == kExitOk) return true;
    return false;
  }

  Result<FeedCounts> pass(Entry& entry, std::vector<std::string>* folders) {
    SUJIP_TRY(const feeds::FeedTarget target, target_->of(entry.feed.dataset()));
    FeedSource::Surroundings around{db_.get(), target, [this] { return stop_.stop_requested(); },
                                    [&](const FeedCounts& counts, size_t done, size_t total) {
                                      progress_.show(entry.feed.name(), counts, done, total);
                                    }};
    return entry.feed.pass(around, {options_.guard, !options_.once}, folders);
  }

  // Success: asked to stop (or nothing to do here). An error: connections are to be made anew.
  Status run_until_trouble() {
    if (nothing_to_do()) {
      if (busy_) return {};
      log::warn("no source is registered; see `sujip source add --help`");
    }
    for (const std::string& name : api_names_) apis_.start(name);
    feeds::FolderWatch watch;
    while (!stop_.stop_requested()) {
      for (Entry& entry : sources_) {
        if (stop_.stop_requested() || Clock::now() < entry.due) continue;
        std::vector<std::string> folders;
        auto counts = pass(entry, &folders);
        progress_.finish();
        if (!counts) return counts.error();
        if (counts->files > 0) {
          log::info("{}: {} files, {} rows published", entry.feed.name(), counts->files, counts->rows);
        }
        watch.watch(folders);
        entry.due = Clock::now() + (entry.feed.left_some() ? std::chrono::seconds(1) : entry.feed.every());
      }
      if (watch.wait(kGlance)) {
        // Something was written: look again when the writer had a moment to finish.
        for (Entry& entry : sources_) {
          entry.due = std::min(entry.due, Clock::now() + std::chrono::seconds(1));
        }
      }
    }
    return {};
  }

  bool nothing_to_do() const { return sources_.empty() && api_names_.empty(); }

  // False: asked to stop.
  bool pause(std::chrono::seconds length) const {
    const auto end = Clock::now() + length;
    feeds::FolderWatch nothing;
    while (!stop_.stop_requested() && Clock::now() < end) nothing.wait(kGlance);
    return !stop_.stop_requested();
  }

  static int environment(const Error& error) {
    log::error("{}", error.message());
    return kExitEnvironment;
  }
  static int usage(const Error& error) {
    log::error("{}", error.message());
    return kExitUsage;
  }

  const Settings& settings_;
  const CollectOptions& options_;
  const std::stop_token stop_;
  Progress progress_;
  std::unique_ptr<pg::Connection> db_;
  std::unique_ptr<RawTarget> target_;
  std::vector<Entry> sources_;
  std::vector<std::string> api_names_;
  bool busy_ = false;  // another process collects one of the sources
  ApiRunners apis_;    // last: its threads end first
};

}  // namespace

int run_collect(const Settings& settings, const CollectOptions& options, std::stop_token stop) {
  return Collector(settings, options, std::move(stop)).run();
}

}  // namespace sujip
