#pragma once
// What one worker collects with: the source's configuration, HTTP, the limiter, the clock, and what it
// has read already. Components get it with each call and keep nothing of it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/calendar.h"
#include "core/expressions/value.h"
#include "core/expressions/variables.h"
#include "core/http/client.h"
#include "producers/engine/failure.h"
#include "producers/engine/secret.h"

namespace sujip::engine {

// Time as the engine sees it. Tests put their own in its place.
class Pace {
 public:
  virtual ~Pace() = default;
  virtual int64_t steady_ms() = 0;    // for limits and deadlines
  virtual TimeMs wall_ms() = 0;       // for signatures and snapshots
  virtual bool wait(int64_t ms) = 0;  // false: the program is stopping
};

class RateLimits;
using Records = std::vector<Value>;

// One part of a stream: a partition (an account, say) and a span of time.
struct Slice {
  Value partition{Object{}};
  Value interval{Object{}};  // start_time, end_time as the cursor formats them
  std::optional<Day> day;    // when the interval is one day

  // Identity within a stream.
  std::string key() const { return to_json(partition) + to_json(interval); }
};

struct Session {
  std::string source;
  Value config{Object{}};  // with the credentials, as templates expect
  Redactor redactor;
  HttpTransport* http = nullptr;
  RateLimits* limits = nullptr;
  Pace* pace = nullptr;
  size_t max_records = 5'000'000;  // of one slice
  int max_pages = 10'000;          // of one slice
  int64_t bytes = 0;               // of answers, counted up

  // Records of slices that several components need; see Stream::read_shared.
  std::map<std::string, std::shared_ptr<const Records>> shared;

  // What templates see of a request for this slice.
  Variables variables(const Slice& slice) const {
    Variables out;
    out.bind("config", &config);
    out.bind("stream_partition", &slice.partition);
    out.bind("stream_interval", &slice.interval);
    Object both;
    for (const auto& [name, value] : slice.partition.object()) both.set(name, value);
    for (const auto& [name, value] : slice.interval.object()) both.set(name, value);
    out.set("stream_slice", Value(std::move(both)));
    if (pace != nullptr) out.set_now(pace->wall_ms() * 1000);
    return out;
  }
};

}  // namespace sujip::engine
