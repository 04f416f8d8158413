#pragma once
// /metrics and /healthz of a role.

#include <memory>
#include <string>

#include "core/result.h"

namespace prometheus {
class Collectable;
}

namespace sujip {

// Serves sujip::metrics::registry() and process_* on host:port until the process ends. Empty text: does
// nothing. A second call in one process is an error. `role` fills sujip_build_info.
Status start_metrics_server(const std::string& host_port, const std::string& role = "");

// Metrics that are built fresh at each scrape, beside the registry. Forgotten when the object is gone.
void add_metrics_source(const std::weak_ptr<prometheus::Collectable>& source);

// The text of /metrics, as it would be served now.
std::string metrics_text();

}  // namespace sujip
