#include "topics/generation.h"

#include <algorithm>

#include "topics/catalogue.h"

namespace sujip::topics {
namespace {

// Longer than it takes every role to hear of a swap.
constexpr TimeMs kGraceMs = 5000;

constexpr std::pair<GenerationState, std::string_view> kStates[] = {
    {GenerationState::building, "building"}, {GenerationState::ready, "ready"},
    {GenerationState::live, "live"},         {GenerationState::former, "former"},
    {GenerationState::dropping, "dropping"}, {GenerationState::dropped, "dropped"}};

}  // namespace

bool is_derived(std::string_view name) {
  if (name == kRunLog || name == kDeadLetter) return true;
  for (const std::string_view kind : {"change.", "scope.", "rollup.", "distinct.", "asis.", "delta."})
    if (name.starts_with(kind)) return true;
  return false;
}

std::string_view without_generation(std::string_view name) {
  if (!name.starts_with('g')) return name;
  const size_t end = name.find_first_not_of("0123456789", 1);
  if (end == 1 || end == name.npos || name[end] != '.') return name;
  return is_derived(name.substr(end + 1)) ? name.substr(end + 1) : name;
}

Names::Names(std::string prefix, int generation)
    : prefix_(std::move(prefix)),
      generation_(generation),
      infix_(generation > 1 ? "g" + std::to_string(generation) + "." : "") {}

std::string Names::topic(std::string_view name) const {
  return prefix_ + (is_derived(name) ? label(name) : std::string(name));
}

std::string Names::label(std::string_view name) const { return infix_ + std::string(name); }

std::string Names::plain(std::string_view topic) const {
  if (topic.starts_with(prefix_)) topic.remove_prefix(prefix_.size());
  if (!infix_.empty() && topic.starts_with(infix_)) topic.remove_prefix(infix_.size());
  return std::string(topic);
}

std::string Names::group(std::string_view what) const {
  if (generation_ <= 1) return group_of(prefix_, what);
  return group_of(prefix_, "g" + std::to_string(generation_) + "-" + std::string(what));
}

std::string Names::schema() const { return "sujip_g" + std::to_string(generation_); }

std::string Names::folder(std::string_view role) const { return prefix_ + infix_ + std::string(role) + "-"; }

std::string_view name_of(GenerationState state) {
  return std::find_if(std::begin(kStates), std::end(kStates), [&](const auto& s) { return s.first == state; })->second;
}

std::optional<GenerationState> parse_generation_state(std::string_view name) {
  for (const auto& [state, text] : kStates)
    if (text == name) return state;
  return std::nullopt;
}

bool is_kept_in_step(GenerationState state) {
  return state == GenerationState::ready || state == GenerationState::live || state == GenerationState::former;
}

bool Generation::has(std::string_view dataset) const {
  return datasets.empty() || std::find(datasets.begin(), datasets.end(), dataset) != datasets.end();
}

Datasets Generation::of(const Datasets& all) const {
  std::vector<Dataset> out;
  for (const Dataset& d : all.all())
    if (has(d.name)) out.push_back(d);
  return Datasets(std::move(out));
}

int live_generation(const LiveGenerations& live, std::string_view dataset) {
  auto found = live.find(dataset);
  if (found == live.end()) found = live.find("");
  return found == live.end() ? 1 : found->second;
}

void Liveness::tell(const LiveGenerations& live) {
  const std::lock_guard lock(mutex_);
  if (live == live_) return;
  before_ = std::exchange(live_, live);
  told_at_ = now_ms();
}

bool Liveness::is_live(std::string_view dataset) const {
  const std::lock_guard lock(mutex_);
  return live_generation(live_, dataset) == generation_;
}

bool Liveness::any() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(live_.begin(), live_.end(), [this](const auto& l) { return l.second == generation_; });
}

bool Liveness::decides(std::string_view dataset) const {
  const std::lock_guard lock(mutex_);
  if (live_generation(live_, dataset) == generation_) return true;
  return !before_.empty() && now_ms() - told_at_ < kGraceMs && live_generation(before_, dataset) == generation_;
}

Selection::Selection(const Generation& generation)
    : datasets(generation.datasets.begin(), generation.datasets.end()), from(generation.from), to(generation.to) {}

bool Selection::takes(const Scope& scope, TimeMs snapshot_at) const {
  if (!takes_dataset(scope.dataset)) return false;
  if (!from && !to) return true;
  const auto date = Day::parse(scope.slice);
  return takes_day(date ? *date : seoul_day(snapshot_at));
}

}  // namespace sujip::topics
