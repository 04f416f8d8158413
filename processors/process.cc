#include "processors/process.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <map>

#include "core/log.h"
#include "core/stop_signal.h"
#include "processors/generation_lanes.h"
#include "topics/generations.h"

namespace sujip {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLookEvery = std::chrono::seconds(1);
constexpr auto kTryAgainAfter = std::chrono::seconds(5);

// Keeps the lanes of the generations that are to be in step.
class Process {
 public:
  Process(const Settings& settings, const ProcessOptions& options)
      : settings_(settings), options_(options), watch_(settings.pg) {
    memory_ = MemoryBudget::within(options.cache_mb);
  }

  Status run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      look();
      SUJIP_CHECK_OK(tend());
      pause_for(stop, kLookEvery);
    }
    return {};
  }

 private:
  struct One {
    std::shared_ptr<topics::Liveness> live;
    std::unique_ptr<GenerationLanes> lanes;
    Clock::time_point try_at{};
  };

  // Without an answer what was last known goes on.
  void look() {
    auto seen = watch_.look();
    const std::string trouble = seen.ok() ? "" : seen.error().message();
    if (trouble != told_ && !trouble.empty()) log::warn("which generations there are: {}", trouble);
    told_ = trouble;
    if (seen.ok()) generations_ = *std::move(seen);
  }

  Status tend() {
    for (auto at = running_.begin(); at != running_.end();) {
      const topics::Generation* g = generations_.find(at->first);
      if (g != nullptr && topics::is_kept_in_step(g->state)) {
        ++at;
        continue;
      }
      log::info("generation {} is to go", at->first);
      const std::string folder = at->second.lanes ? at->second.lanes->folder() : "";
      at = running_.erase(at);
      std::error_code ignored;  // `sujip generation drop` says so, too, on its machine
      if (!folder.empty()) std::filesystem::remove_all(folder, ignored);
    }
    for (const topics::Generation& g : generations_.running()) {
      One& one = running_[g.number];
      if (!one.live) one.live = std::make_shared<topics::Liveness>(g.number);
      one.live->tell(generations_.live);
      SUJIP_CHECK_OK(tend(g, one));
    }
    return {};
  }

  // What readers see must not fail quietly; anything else is tried again.
  Status tend(const topics::Generation& g, One& one) {
    std::optional<Error> problem = one.lanes ? one.lanes->problem() : std::nullopt;
    if (problem) one.lanes.reset();
    if (!one.lanes && !problem && Clock::now() >= one.try_at) {
      auto started = GenerationLanes::start(settings_, options_, g, one.live, memory_);
      if (started.ok())
        one.lanes = *std::move(started);
      else
        problem = started.error();
    }
    if (!problem) return {};
    if (one.live->any()) return *problem;
    log::error("generation {}: {}; trying again", g.number, problem->message());
    one.try_at = Clock::now() + kTryAgainAfter;
    return {};
  }

  const Settings& settings_;
  const ProcessOptions& options_;
  topics::GenerationWatch watch_;
  topics::Generations generations_ = topics::only_the_first();
  std::shared_ptr<MemoryBudget> memory_;
  std::map<int, One> running_;
  std::string told_;
};

}  // namespace

std::string state_folder_stem(const Settings& settings, int generation) {
  return fmt::format("{}/state/{}", settings.home, topics::Names(settings.prefix, generation).folder("process"));
}

Status run_process(const Settings& settings, const ProcessOptions& options) {
  return Process(settings, options).run(stop_on_signal());
}

}  // namespace sujip
