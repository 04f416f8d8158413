#pragma once
// process_* metrics with the names every Prometheus client uses, read from /proc.

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace sujip {

class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace sujip
