#pragma once
// Keeps a replay so slow that live data reach their tables about as soon as without it: faster by
// small steps while they do, slower by large ones when they don't. Never so slow that new data
// would outrun it.

#include <memory>
#include <stop_token>
#include <string>

#include "cli/live_delay.h"
#include "processors/runtime/pace.h"

namespace sujip {

// The pace that follows `rate`. late: the delay of live data in seconds, none when nothing comes
// in; usual: that of live data alone; incoming: raw records a second. All rates are records a
// second.
double next_pace(double rate, std::optional<double> late, double usual, double incoming);

class GiveWay {
 public:
  // `live`: what readers see. Watches it for some seconds to know what is usual.
  static Result<GiveWay> watch(const Settings& settings,
                               const std::vector<topics::Generation>& live,
                               std::shared_ptr<Pace> pace, std::stop_token stop);

  // To be called again and again, a few times a second.
  Status turn();
  // For people: "live delay 0.12 s (usual 0.10), at most 5000/s".
  std::string text() const;

 private:
  GiveWay(LiveDelay delay, std::shared_ptr<Pace> pace)
      : delay_(std::move(delay)), pace_(std::move(pace)) {}

  LiveDelay delay_;
  std::shared_ptr<Pace> pace_;
  double usual_ = 0;  // seconds
  double rate_ = 0;   // records a second
  LiveDelay::Clock::time_point decided_at_;
};

}  // namespace sujip
