#include "cli/give_way.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/stop_signal.h"

namespace sujip {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(100);
constexpr auto kSettle = std::chrono::seconds(1);
constexpr auto kWatch = std::chrono::seconds(4);
constexpr auto kGo = std::chrono::seconds(120);
constexpr auto kDecide = std::chrono::seconds(2);
// A delay is a mean over seconds; by that much above the usual one the slowest records are less
// than twice as late (tests/bench/run replay).
constexpr double kTolerated = 1.25;
constexpr double kLeastUsual = 0.03;  // seconds; below that all is noise
constexpr double kFirstRate = 5000;
constexpr double kMostFaster = 1.15;
constexpr double kMostSlower = 0.6;
// While live data come in: from there two steps down are felt.
constexpr double kFastestBeside = 2e5;
constexpr double kFastest = 1e6;
constexpr double kResting = 1;
constexpr auto kPatience = std::chrono::seconds(120);  // with looks that fail
// What it must at least be faster than what comes in, or it would never be done.
constexpr double kAhead = 3;
constexpr double kLeastRate = 500;

}  // namespace

double next_pace(double rate, std::optional<double> late, double usual, double incoming) {
  if (!late) return kFastest;
  const double room = usual * kTolerated / std::max(*late, usual / 10);
  const double wanted = rate * std::clamp(room, kMostSlower, kMostFaster);
  return std::min(std::max({wanted, kLeastRate, incoming * kAhead}), kFastestBeside);
}

GiveWay::GiveWay(LiveDelay delay, std::shared_ptr<Pace> pace)
    : delay_(std::move(delay)), pace_(std::move(pace)), rate_(kFirstRate) {
  enter(Phase::watching, Clock::now());
}

Result<GiveWay> GiveWay::watch(const Settings& settings, const std::vector<topics::Generation>& live,
                               std::shared_ptr<Pace> pace, std::stop_token stop) {
  SUJIP_TRY(LiveDelay delay, LiveDelay::open(settings, live));
  GiveWay self(std::move(delay), std::move(pace));
  while (self.phase_ != Phase::going && !stop.stop_requested()) {
    SUJIP_CHECK_OK(self.turn());
    pause_for(stop, kLookEvery);
  }
  return self;
}

void GiveWay::enter(Phase phase, Clock::time_point now) {
  phase_ = phase;
  until_ = now + (phase == Phase::settling ? kSettle : phase == Phase::watching ? kWatch : kGo);
  decided_at_ = looked_at_ = now;
  pace_->set(phase == Phase::going ? rate_ : kResting, now);
  delay_.forget();
}

Status GiveWay::turn() {
  const Status seen = delay_.look();
  const auto now = Clock::now();
  if (!seen.ok()) {
    // A broker or a database that doesn't answer has enough to do. Lanes and sink know whether to go on.
    if (looked_at_ + kPatience < now) return seen;
    rate_ = std::max(kLeastRate, rate_ * kMostSlower);
    if (phase_ == Phase::going) pace_->set(rate_, now);
    return {};
  }
  looked_at_ = now;
  if (!delay_.is_known()) return {};
  if (now >= until_) {
    if (phase_ == Phase::watching) usual_ = std::max(kLeastUsual, delay_.seconds().value_or(0));
    enter(phase_ == Phase::settling   ? Phase::watching
          : phase_ == Phase::watching ? Phase::going
                                      : Phase::settling,
          now);
  } else if (phase_ == Phase::going && now - decided_at_ >= kDecide) {
    decided_at_ = now;
    rate_ = next_pace(rate_, delay_.seconds(), usual_, delay_.incoming());
    pace_->set(rate_, now);
  }
  return {};
}

std::string GiveWay::text() const {
  if (phase_ != Phase::going) return "resting to see what live delay is usual";
  const auto late = delay_.seconds();
  return late ? fmt::format("live delay {:.2f} s (usual {:.2f}), at most {:.0f}/s", *late, usual_, rate_)
              : fmt::format("no live data, at most {:.0f}/s", rate_);
}

}  // namespace sujip
