#include "cli/give_way.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/stop_signal.h"

namespace sujip {
namespace {

constexpr auto kWatch = std::chrono::milliseconds(250);
constexpr int kWatches = 12;
constexpr auto kDecide = std::chrono::seconds(1);
// A delay is a mean over a second; by that much above the usual one the slowest records are about
// twice as late.
constexpr double kTolerated = 1.4;
constexpr double kLeastUsual = 0.03;  // seconds; below that all is noise
constexpr double kFirstRate = 2000;
constexpr double kFaster = 1.2;
constexpr double kSlower = 0.6;
constexpr double kFastest = 1e6;
// What it must at least be faster than what comes in, or it would never be done.
constexpr double kAhead = 3;
constexpr double kLeastRate = 500;

}  // namespace

double next_pace(double rate, std::optional<double> late, double usual, double incoming) {
  const double wanted = rate * (late && *late > usual * kTolerated ? kSlower : kFaster);
  return std::clamp(wanted, std::max(kLeastRate, incoming * kAhead), kFastest);
}

Result<GiveWay> GiveWay::watch(const Settings& settings,
                               const std::vector<topics::Generation>& live,
                               std::shared_ptr<Pace> pace, std::stop_token stop) {
  SUJIP_TRY(LiveDelay delay, LiveDelay::open(settings, live));
  GiveWay self(std::move(delay), std::move(pace));
  for (int i = 0; i < kWatches && !stop.stop_requested(); ++i) {
    SUJIP_CHECK_OK(self.delay_.look());
    pause_for(stop, kWatch);
  }
  self.usual_ = std::max(kLeastUsual, self.delay_.seconds().value_or(0));
  self.rate_ = kFirstRate;
  return self;
}

Status GiveWay::turn() {
  SUJIP_CHECK_OK(delay_.look());
  const auto now = LiveDelay::Clock::now();
  if (now - decided_at_ < kDecide) return {};
  decided_at_ = now;
  rate_ = next_pace(rate_, delay_.seconds(), usual_, delay_.incoming());
  pace_->set(rate_);
  return {};
}

std::string GiveWay::text() const {
  const auto late = delay_.seconds();
  return late ? fmt::format("live delay {:.2f} s (usual {:.2f}), at most {:.0f}/s", *late, usual_,
                            rate_)
              : fmt::format("no live data, at most {:.0f}/s", rate_);
}

}  // namespace sujip
