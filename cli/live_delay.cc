#include "cli/live_delay.h"

#include <algorithm>

namespace sujip {
namespace {

constexpr auto kWindow = std::chrono::seconds(4);
constexpr double kTooLittle = 5;  // offsets a second: a delay computed from fewer is chance

}  // namespace

Result<LiveDelay> LiveDelay::open(const Settings& settings, const std::vector<topics::Generation>& live) {
  SUJIP_TRY(Positions positions, Positions::open(settings, live));
  return LiveDelay(std::move(positions));
}

Status LiveDelay::look() {
  Look look;
  for (const Reader& reader : positions_.readers()) {
    SUJIP_TRY(const auto now, positions_.read_positions(reader));
    Stand& stand = look.emplace_back();
    stand.at = Clock::now();
    for (const ReaderPosition& p : now) {
      stand.end += p.end;
      if (p.position >= 0) stand.behind += std::max<int64_t>(0, p.end - p.position);
    }
  }
  looks_.push_back(std::move(look));
  while (looks_.size() > kEnough && looks_.back().front().at - looks_.front().front().at > kWindow) looks_.pop_front();
  return {};
}

double LiveDelay::rate(size_t reader) const {
  if (looks_.size() < 2) return 0;
  const Stand& first = looks_.front()[reader];
  const Stand& last = looks_.back()[reader];
  const double seconds = std::chrono::duration<double>(last.at - first.at).count();
  return static_cast<double>(last.end - first.end) / std::max(seconds, 0.001);
}

double LiveDelay::incoming() const { return rate(0); }

std::optional<double> LiveDelay::seconds() const {
  std::optional<double> sum;
  for (size_t reader = 0; reader < positions_.readers().size(); ++reader) {
    const double per_second = rate(reader);
    if (per_second < kTooLittle) continue;
    double behind = 0;
    for (const Look& look : looks_) behind += static_cast<double>(look[reader].behind);
    sum = sum.value_or(0) + behind / static_cast<double>(looks_.size()) / per_second;
  }
  return sum;
}

}  // namespace sujip
