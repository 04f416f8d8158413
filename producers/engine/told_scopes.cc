#include "producers/engine/told_scopes.h"

namespace sujip::engine {
namespace {

constexpr TimeMs kHourMs = 3'600'000;

}  // namespace

bool ToldScopes::is_news(const Collected& item) { return is_news(item.scope, item.finished_ms, item.hash); }

bool ToldScopes::is_news(const NotCollected& gap) {
  std::string state = gap.failure.kind + "\n" + gap.failure.error.what;
  if (!gap.skipped) state += "\n" + std::to_string(gap.finished_ms / kHourMs);
  return is_news(gap.scope, gap.finished_ms, state);
}

bool ToldScopes::is_news(const Scope& scope, TimeMs at, const std::string& state) {
  const Told now{seoul_day(at), std::hash<std::string>{}(state)};
  const auto [it, added] = told_.try_emplace(scope.subject(), now);
  if (!added && it->second.day == now.day && it->second.state == now.state) return false;
  it->second = now;
  return true;
}

}  // namespace sujip::engine
