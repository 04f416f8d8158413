#include "processors/runtime/stuck_watch.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/exit_codes.h"
#include "core/log.h"
#include "core/stop_signal.h"

namespace sujip {
namespace {

constexpr int64_t kLateMs = 10000;

}  // namespace

StuckWatch::StuckWatch(Limits limits) : limits_(limits), thread_([this](const std::stop_token& stop) { run(stop); }) {}

StuckWatch::~StuckWatch() = default;  // the thread ends first: it is the last member

std::shared_ptr<StuckWatch::Beat> StuckWatch::watch(std::string name) {
  auto beat = std::make_shared<Beat>(std::move(name));
  const std::lock_guard lock(mutex_);
  beats_.push_back(beat);
  return beat;
}

void StuckWatch::run(const std::stop_token& stop) {
  const auto every = std::min({limits_.round / 10, limits_.stop / 10, std::chrono::milliseconds(1000)});
  for (int64_t looked_at = steady_ms(); !stop.stop_requested(); pause_for(stop, every)) {
    // Whoever stood still with everything else, a machine that slept, gets all the time anew.
    const int64_t now = steady_ms();
    if (now - std::exchange(looked_at, now) > 10 * every.count() + kLateMs) begin_anew(now);
    look();
  }
}

void StuckWatch::begin_anew(int64_t now) {
  const std::lock_guard lock(mutex_);
  if (stopped_at_ != 0) stopped_at_ = now;
  for (const auto& watched : beats_)
    if (const auto beat = watched.lock()) beat->round();
}

void StuckWatch::look() {
  const std::lock_guard lock(mutex_);
  std::erase_if(beats_, [](const auto& beat) { return beat.expired(); });
  for (const auto& watched : beats_) {
    const auto beat = watched.lock();
    if (!beat) continue;
    const int64_t stopped = stopped_at_;
    const auto silent = std::chrono::milliseconds(steady_ms() - (stopped != 0 ? stopped : beat->at_.load()));
    if (silent < (stopped != 0 ? limits_.stop : limits_.round)) continue;
    log::error("{} has not come back from a call for {} s; this process ends, whoever starts next goes on", beat->name_,
               silent.count() / 1000);
    std::_Exit(kExitEnvironment);
  }
}

}  // namespace sujip
