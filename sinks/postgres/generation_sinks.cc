#include "sinks/postgres/generation_sinks.h"

#include <chrono>

#include "core/log.h"

namespace sujip::sink {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kLook = 1s;
constexpr auto kTryAgainAfter = 5s;

void pause(const std::atomic<bool>& stop) {
  for (const auto until = Clock::now() + kLook; !stop && Clock::now() < until;) std::this_thread::sleep_for(50ms);
}

class GenerationSinks {
 public:
  GenerationSinks(const Settings& settings, const Datasets& datasets, const SinkOptions& options)
      : settings_(settings), datasets_(datasets), options_(options), watch_(settings.pg) {}

  Status run(const std::atomic<bool>& stop) {
    SUJIP_TRY(generations_, watch_.look());
    while (!stop) {
      SUJIP_CHECK_OK(tend());
      pause(stop);
      // Without an answer what was last known goes on; the sinks themselves say what is wrong.
      if (auto seen = watch_.look(); seen.ok()) generations_ = *std::move(seen);
    }
    return {};
  }

 private:
  struct One {
    bool whole = true;  // false: only what collectors say
    topics::LiveGenerations made_for;
    std::shared_ptr<topics::Liveness> live;
    std::unique_ptr<RunningSink> sink;
    Clock::time_point try_at{};
  };

  // What collectors say comes through the topic of the first generation, also when that is gone.
  bool wanted(const topics::Generation& g) const { return g.number == 1 || topics::is_kept_in_step(g.state); }

  Status tend() {
    for (auto at = running_.begin(); at != running_.end();) {
      const topics::Generation* g = generations_.find(at->first);
      const bool whole = g != nullptr && topics::is_kept_in_step(g->state);
      const bool stays = g != nullptr && wanted(*g) && at->second.whole == whole &&
                         (whole || at->second.made_for == generations_.live);
      at = stays ? std::next(at) : running_.erase(at);
    }
    for (const topics::Generation& g : generations_.all) {
      if (!wanted(g)) continue;
      One& one = running_[g.number];
      if (!one.live) one.live = std::make_shared<topics::Liveness>(g.number);
      one.live->tell(generations_.live);
      one.whole = topics::is_kept_in_step(g.state);
      one.made_for = generations_.live;
      SUJIP_CHECK_OK(tend(g, one));
    }
    return {};
  }

  Status tend(const topics::Generation& g, One& one) {
    if (one.sink) {
      const auto problem = one.sink->problem();
      if (!problem) return {};
      if (one.live->any() || !one.whole) return *problem;
      log::error("generation {}: {}; trying again", g.number, problem->message());
      one.sink.reset();
      one.try_at = Clock::now() + kTryAgainAfter;
    }
    if (Clock::now() < one.try_at) return {};
    const topics::Names names(settings_.prefix, g.number);
    SinkOptions options = options_;
    // What nobody reads yet may take its time.
    if (!one.live->any()) options.writers = 1;
    one.sink = std::make_unique<RunningSink>(
        settings_,
        one.whole ? declared_work(g.of(datasets_), names) : collectors_work(settings_.prefix, generations_.live),
        options, one.live);
    return {};
  }

  const Settings& settings_;
  const Datasets& datasets_;
  const SinkOptions& options_;
  topics::GenerationWatch watch_;
  topics::Generations generations_;
  std::map<int, One> running_;
};

}  // namespace

RunningSink::RunningSink(const Settings& settings, Work work, const SinkOptions& options,
                         std::shared_ptr<const topics::Liveness> live)
    : sink_(settings, std::move(work), options, std::move(live)) {
  thread_ = std::thread([this] {
    const Status ended = sink_.run(stop_);
    if (ended.ok()) return;
    const std::lock_guard lock(mutex_);
    problem_ = ended.error();
  });
}

RunningSink::~RunningSink() {
  stop_ = true;
  thread_.join();
}

std::optional<Error> RunningSink::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

Status run_generation_sinks(const Settings& settings, const Datasets& datasets, const SinkOptions& options,
                            const std::atomic<bool>& stop) {
  return GenerationSinks(settings, datasets, options).run(stop);
}

Status run_mapped_sink(const Settings& settings, const Mapping& mapping, const SinkOptions& options,
                       const std::atomic<bool>& stop) {
  topics::GenerationWatch watch(settings.pg);
  SUJIP_TRY(auto generations, watch.look());
  while (!stop) {
    RunningSink sink(settings, mapped_work(mapping, settings.prefix, generations.live), options, nullptr);
    for (topics::LiveGenerations live = generations.live; !stop && live == generations.live;) {
      if (const auto problem = sink.problem()) return *problem;
      pause(stop);
      if (auto seen = watch.look(); seen.ok()) generations = *std::move(seen);
    }
    if (!stop) log::info("another generation is live: its topics from now on");
  }
  return {};
}

}  // namespace sujip::sink
