#include "cli/in_step.h"

#include <algorithm>

namespace sujip {
namespace {

// So many offsets are hardly all markers of transactions; whether they are is asked only now and then.
constexpr int64_t kFar = 10'000;
constexpr auto kSeldom = std::chrono::seconds(3);

}  // namespace

Result<InStep> InStep::open(const Settings& settings, const topics::Generation& generation) {
  SUJIP_TRY(Positions positions, Positions::open(settings, {generation}));
  return InStep(std::move(positions));
}

void InStep::restart() {
  reader_ = 0;
  pass_ = 0;
  goal_.clear();
}

Result<bool> InStep::reached() {
  while (reader_ < positions_.readers().size()) {
    const Reader& reader = positions_.readers()[reader_];
    SUJIP_TRY(auto now, positions_.read(reader));
    if (goal_.empty())
      for (const ReaderPosition& p : now) goal_[p.tp] = p.end;
    std::erase_if(now, [&](const ReaderPosition& p) { return std::max(p.position, p.begin) >= goal_[p.tp]; });
    int64_t behind = 0;
    for (const ReaderPosition& p : now) behind += p.behind;
    const auto at = std::chrono::steady_clock::now();
    if (behind > kFar && at - looked_closer_ < kSeldom) return false;
    looked_closer_ = at;
    // Markers of transactions are no records: nobody ever reads past the last ones.
    SUJIP_CHECK_OK(positions_.look_closer(now));
    if (std::any_of(now.begin(), now.end(), [](const ReaderPosition& p) { return p.behind > 0; })) return false;
    goal_.clear();
    if (++pass_ < reader.passes) continue;
    pass_ = 0;
    ++reader_;
  }
  return true;
}

Result<InStep::Progress> InStep::progress() {
  Progress out;
  const auto& readers = positions_.readers();
  SUJIP_TRY(const auto raw, positions_.read(readers.front()));
  for (const ReaderPosition& p : raw) {
    out.read += std::max(p.position, int64_t{0});
    out.all += p.end;
  }
  SUJIP_TRY(const auto tables, positions_.read(readers.back()));
  for (const ReaderPosition& p : tables) out.to_write += p.behind;
  return out;
}

}  // namespace sujip
