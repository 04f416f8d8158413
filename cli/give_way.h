#pragma once
// Keeps a replay so slow that live data reach their tables about as soon as without it. What is
// usual changes over the day, so the replay rests every other minute and looks at live data alone.
// Never so slow that new data would outrun it.

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cli/live_delay.h"
#include "processors/runtime/pace.h"

namespace sujip {

// The pace that follows `rate`: goes for a delay somewhat above the usual one, the nearer the slower.
// late: the delay of live data in seconds, none when nothing comes in; usual: that of live data
// alone; incoming: raw records a second. All rates are records a second.
double next_pace(double rate, std::optional<double> late, double usual, double incoming);

class GiveWay {
 public:
  // `live`: what readers see. Watches it for some seconds to know what is usual.
  static Result<GiveWay> watch(const Settings& settings, const std::vector<topics::Generation>& live,
                               std::shared_ptr<Pace> pace, std::stop_token stop);

  // To be called again and again, some times a second.
  Status turn();
  // For people: "live delay 0.12 s (usual 0.10), at most 5000/s".
  std::string text() const;

 private:
  using Clock = LiveDelay::Clock;
  // settling: it rests, and what it left is still being worked off.
  enum class Phase { settling, watching, going };

  GiveWay(LiveDelay delay, std::shared_ptr<Pace> pace);
  void enter(Phase phase, Clock::time_point now);

  LiveDelay delay_;
  std::shared_ptr<Pace> pace_;
  double usual_ = 0;  // seconds
  double rate_;       // records a second
  Phase phase_ = Phase::settling;
  Clock::time_point until_;  // the end of the phase
  Clock::time_point decided_at_, looked_at_;
};

}  // namespace sujip
