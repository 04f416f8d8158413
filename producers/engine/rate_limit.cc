#include "producers/engine/rate_limit.h"

#include <algorithm>

namespace sujip::engine {
namespace {

// "PT1S", "PT0.5S", "PT1M", "PT1H", "P1D" in milliseconds; 0 when it is something else.
int64_t interval_ms(std::string_view text) {
  if (text.starts_with("PT"))
    text.remove_prefix(2);
  else if (text.starts_with("P") && text.ends_with("D"))
    text.remove_prefix(1);
  else
    return 0;
  if (text.size() < 2) return 0;
  const auto amount = Decimal::parse(text.substr(0, text.size() - 1));
  if (!amount) return 0;
  int64_t unit = 0;
  switch (text.back()) {
    case 'S':
      unit = 1000;
      break;
    case 'M':
      unit = 60'000;
      break;
    case 'H':
      unit = 3'600'000;
      break;
    case 'D':
      unit = 86'400'000;
      break;
    default:
      return 0;
  }
  return (*amount * Decimal::of(unit)).rounded(0).to_int64().value_or(0);
}

// "^/stat-reports" or "/stat-reports": the literal beginning of a path.
std::string literal_prefix(std::string pattern) {
  if (pattern.starts_with('^')) pattern.erase(0, 1);
  if (pattern.ends_with(".*")) pattern.erase(pattern.size() - 2);
  return pattern;
}

}  // namespace

Result<RateLimits> RateLimits::build(const Node* node, const Value& config) {
  RateLimits limits;
  const Node* policies = node != nullptr ? node->find("policies") : nullptr;
  if (policies == nullptr) return limits;
  Variables variables;
  variables.bind("config", &config);
  for (const Node& declared : policies->items) {
    const auto add_rates = [&](Policy& policy) -> Status {
      for (const Node& rate : declared.find("rates")->items) {
        SUJIP_TRY(const Text limit, Text::compile(*rate.find("limit"), rate));
        const auto value = limit.value(variables);
        if (!value.ok()) return value.error().error;
        const int64_t count = value.value().is_number() ? value.value().number().to_int64().value_or(-1) : -1;
        const int64_t ms = interval_ms(rate.text_of("interval"));
        if (count < 0 || ms <= 0)
          return rate.error("a rate needs a whole 'limit' and an ISO 8601 'interval' such as PT1S");
        if (count > 0) policy.rates.push_back({count, ms});  // 0: no limit
      }
      return {};
    };
    const Node* matchers = declared.find("matchers");
    if (matchers->items.empty()) {
      Policy policy;
      SUJIP_CHECK_OK(add_rates(policy));
      limits.policies_.push_back(std::move(policy));
    }
    // Requests that match different matchers of a policy share its places only when they share a
    // prefix; vendors document limits by path family, which is one matcher.
    for (const Node& matcher : matchers->items) {
      Policy policy;
      policy.method = matcher.text_of("method");
      policy.path_prefix = literal_prefix(matcher.text_of("url_path_pattern"));
      if (policy.path_prefix.find_first_of("*+?[](){}|\\$") != std::string::npos)
        return matcher.error("not supported: a pattern that is more than the beginning of a path",
                             "write it as ^/path");
      SUJIP_CHECK_OK(add_rates(policy));
      limits.policies_.push_back(std::move(policy));
    }
  }
  return limits;
}

int64_t RateLimits::take(const std::string& bucket, const std::string& method, const std::string& path,
                         int64_t steady_ms) {
  const std::lock_guard lock(mutex_);
  if (const auto it = paused_until_.find(bucket); it != paused_until_.end()) {
    if (it->second > steady_ms) return it->second - steady_ms;
    paused_until_.erase(it);
  }
  for (size_t i = 0; i < policies_.size(); ++i) {
    const Policy& policy = policies_[i];
    if (!policy.method.empty() && policy.method != method) continue;
    if (!path.starts_with(policy.path_prefix)) continue;
    std::deque<int64_t>& taken = taken_[{i, bucket}];
    int64_t wait = 0;
    int64_t longest = 0;
    for (const Rate& rate : policy.rates) {
      longest = std::max(longest, rate.interval_ms);
      if (static_cast<int64_t>(taken.size()) < rate.limit) continue;
      const int64_t oldest = taken[taken.size() - static_cast<size_t>(rate.limit)];
      wait = std::max(wait, oldest + rate.interval_ms - steady_ms);
    }
    if (wait > 0) return wait;
    taken.push_back(steady_ms);
    while (!taken.empty() && taken.front() + longest <= steady_ms) taken.pop_front();
    return 0;  // the first policy that matches decides
  }
  return 0;
}

void RateLimits::pause(const std::string& bucket, int64_t until_steady_ms) {
  const std::lock_guard lock(mutex_);
  int64_t& until = paused_until_[bucket];
  until = std::max(until, until_steady_ms);
}

}  // namespace sujip::engine
