#pragma once
// Prometheus metrics of this process. The names live in one table (metrics.cc): a name that is not in
// it cannot be exported, and the table is what docs, rules and dashboards are checked against.
// Labels carry `medium` (the source) at most, never an account: see docs/architecture.md.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sujip::metrics {

enum class Kind { counter, gauge, histogram };

struct Entry {
  std::string_view name;  // without the prefix "sujip_"
  Kind kind;
  std::string_view labels;   // space separated label names
  std::string_view buckets;  // "fast", "api", "step", "e2e" for histograms
  std::string_view help;
};

using Labels = std::map<std::string, std::string>;

// All metrics sujip may export.
std::span<const Entry> catalogue();

// The process-wide registry; shared with the server of /metrics.
std::shared_ptr<prometheus::Registry> registry();

// The series of a catalogued metric; made at first use, valid for the life of the process. Keep the
// reference: each call hashes the labels. Throws std::logic_error for a name that is not catalogued.
prometheus::Counter& counter(std::string_view name, const Labels& labels = {});
prometheus::Gauge& gauge(std::string_view name, const Labels& labels = {});
prometheus::Histogram& histogram(std::string_view name, const Labels& labels = {});
// On the calling thread counter() gives a series that is not exported: what it does was counted elsewhere.
void mute_counters(bool muted);

}  // namespace sujip::metrics
