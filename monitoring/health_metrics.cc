#include "monitoring/health_metrics.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "core/metrics.h"
#include "monitoring/state.h"

namespace sujip::monitoring {
namespace {

using prometheus::MetricFamily;

class Family {
 public:
  explicit Family(std::string_view name) {
    for (const metrics::Entry& entry : metrics::catalogue())
      if (entry.name == name) family_.help = std::string(entry.help);
    if (family_.help.empty()) throw std::logic_error("metric not in the catalogue: " + std::string(name));
    family_.name = "sujip_" + std::string(name);
    family_.type = prometheus::MetricType::Gauge;
  }
  void add(double value, const metrics::Labels& labels = {}) {
    prometheus::ClientMetric metric;
    for (const auto& [name, text] : labels) metric.label.push_back({name, text});
    metric.gauge.value = value;
    family_.metric.push_back(std::move(metric));
  }
  MetricFamily take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

}  // namespace

void HealthMetrics::set(std::shared_ptr<const BoardData> data) {
  const std::lock_guard lock(mutex_);
  data_ = std::move(data);
}

std::vector<MetricFamily> HealthMetrics::Collect() const {
  std::shared_ptr<const BoardData> data;
  {
    const std::lock_guard lock(mutex_);
    data = data_;
  }
  std::vector<MetricFamily> out;
  if (data == nullptr) return out;
  Family slices("slices"), overdue("slices_overdue"), expected("accounts_expected"), collected("accounts_collected"),
      through("complete_through_timestamp_seconds"), held("runs_held"), problems("attempts_unrepaired"),
      volume("volume_ratio"), dead("dead_letters_pending"), evaluated("health_evaluated_timestamp_seconds");
  for (const Source& s : data->sources) {
    const metrics::Labels medium = {{"medium", s.name}};
    for (const State& state : kStates) {
      const auto it = s.states.find(state.code);
      slices.add(it == s.states.end() ? 0 : static_cast<double>(it->second),
                 {{"medium", s.name}, {"state", std::string(state.code)}});
    }
    overdue.add(static_cast<double>(s.overdue), medium);
    held.add(static_cast<double>(s.held), medium);
    problems.add(static_cast<double>(s.problems), medium);
    if (s.kind == "daily") {
      expected.add(static_cast<double>(s.accounts_expected), medium);
      collected.add(static_cast<double>(s.accounts_collected), medium);
    }
    if (s.complete_through) through.add(static_cast<double>(seoul_midnight(*s.complete_through + 1)) / 1000, medium);
    if (const auto ratio = volume_ratio(*data, s)) volume.add(*ratio, medium);
  }
  for (const auto& [topic, n] : data->dead_letters) dead.add(static_cast<double>(n), {{"topic", topic}});
  evaluated.add(static_cast<double>(data->at) / 1000);
  for (Family* f : {&slices, &overdue, &expected, &collected, &through, &held, &problems, &volume, &dead, &evaluated})
    out.push_back(f->take());
  return out;
}

std::optional<double> volume_ratio(const BoardData& data, const Source& source) {
  if (source.kind != "daily" || !source.complete_through) return std::nullopt;
  std::map<Day, int64_t> rows;
  for (const Slice& s : data.slices)
    if (s.source == source.name && s.date && is_done(s.state)) rows[*s.date] += s.rows;
  const Day newest = *source.complete_through;
  std::vector<int64_t> before;
  for (int week = 1; week <= 4; ++week)
    if (const auto it = rows.find(newest - 7 * week); it != rows.end()) before.push_back(it->second);
  const auto now = rows.find(newest);
  if (before.size() < 2 || now == rows.end()) return std::nullopt;
  std::sort(before.begin(), before.end());
  const size_t n = before.size();
  const double median = static_cast<double>(before[(n - 1) / 2] + before[n / 2]) / 2;
  if (median <= 0) return std::nullopt;
  return static_cast<double>(now->second) / median;
}

}  // namespace sujip::monitoring
