#pragma once
// The budget of a vendor's interface: no more than so many requests in any window, counted per
// credential (or per whatever the connector says). Shared by all workers of a source.

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "producers/engine/session.h"
#include "producers/engine/text.h"

namespace sujip::engine {

class RateLimits {
 public:
  struct Rate {
    int64_t limit = 1;
    int64_t interval_ms = 1000;
  };
  struct Policy {
    std::vector<Rate> rates;
    std::string method;       // empty: any
    std::string path_prefix;  // empty: any; otherwise the literal beginning of the path
  };

  // `config` is seen by templates of the limits. `node` may be null: no limit.
  static Result<RateLimits> build(const Node* node, const Value& config);
  RateLimits() = default;
  RateLimits(RateLimits&& other) noexcept : policies_(std::move(other.policies_)) {}

  void add(Policy policy) { policies_.push_back(std::move(policy)); }

  // Takes a place for a request now, or says how many ms from now to ask again (0 = taken).
  int64_t take(const std::string& bucket, const std::string& method, const std::string& path, int64_t steady_ms);
  // The vendor said "too many": nobody of this bucket asks before then.
  void pause(const std::string& bucket, int64_t until_steady_ms);

 private:
  std::vector<Policy> policies_;
  std::mutex mutex_;
  std::map<std::pair<size_t, std::string>, std::deque<int64_t>> taken_;
  std::map<std::string, int64_t> paused_until_;
};

}  // namespace sujip::engine
