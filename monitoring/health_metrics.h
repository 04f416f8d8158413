#pragma once
// The health of all sources as metrics, built fresh from the newest reading: a source or state that
// is gone leaves no stale series.

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "monitoring/board_data.h"

namespace sujip::monitoring {

class HealthMetrics : public prometheus::Collectable {
 public:
  void set(std::shared_ptr<const BoardData> data);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const BoardData> data_;
};

// Rows of the newest complete date against the median of the same weekday in the four weeks before;
// nothing when there are fewer than two of these or the median is 0.
std::optional<double> volume_ratio(const BoardData& data, const Source& source);

}  // namespace sujip::monitoring
