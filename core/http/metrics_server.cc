#include "core/http/metrics_server.h"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <sstream>
#include <vector>

#include "core/http/process_metrics.h"
#include "core/http/server.h"
#include "core/metrics.h"
#include "core/settings.h"

#ifndef SUJIP_VERSION
#define SUJIP_VERSION "unknown"
#endif
#ifndef SUJIP_REVISION
#define SUJIP_REVISION "unknown"
#endif

namespace sujip {
namespace {

struct Sources {
  std::mutex mutex;
  std::vector<std::weak_ptr<prometheus::Collectable>> list;
};

Sources& sources() {
  static Sources instance;
  return instance;
}

http::Server::Response serve(const http::Server::Request&) {
  http::Server::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_text();
  return response;
}

}  // namespace

void add_metrics_source(const std::weak_ptr<prometheus::Collectable>& source) {
  const std::lock_guard lock(sources().mutex);
  std::erase_if(sources().list, [](const auto& old) { return old.expired(); });
  sources().list.push_back(source);
}

std::string metrics_text() {
  std::vector<prometheus::MetricFamily> families = metrics::registry()->Collect();
  const auto append = [&families](std::vector<prometheus::MetricFamily> more) {
    std::move(more.begin(), more.end(), std::back_inserter(families));
  };
  append(ProcessMetrics().Collect());
  std::vector<std::shared_ptr<prometheus::Collectable>> alive;
  {
    const std::lock_guard lock(sources().mutex);
    for (const auto& source : sources().list)
      if (auto strong = source.lock()) alive.push_back(std::move(strong));
  }
  for (const auto& source : alive) append(source->Collect());
  // A family without series would still print its HELP and TYPE lines.
  std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

Status start_metrics_server(const std::string& host_port, const std::string& role) {
  if (host_port.empty()) return Status::success();
  // Made before the server, so that they outlive it when the process ends.
  sources();
  metrics::registry();
  static std::mutex mutex;
  static std::unique_ptr<http::Server> server;
  const std::lock_guard lock(mutex);
  if (server != nullptr) return Error{"metrics are served already", host_port, "one role per process serves /metrics"};
  metrics::gauge(
      "build_info",
      {{"version", SUJIP_VERSION}, {"revision", SUJIP_REVISION}, {"compiler", "gcc " __VERSION__}, {"role", role}})
      .Set(1);
  const HostPort address = parse_host_port(host_port, 8480);
  http::Server::Options options;
  options.host = address.host.empty() ? "127.0.0.1" : address.host;
  options.port = address.port;
  options.threads = 1;
  options.max_connections = 32;
  options.max_body = 0;
  auto fresh = std::make_unique<http::Server>(std::move(options));
  fresh->get("/metrics", serve);
  fresh->get("/healthz", [](const http::Server::Request&) { return http::Server::Response::text(200, "ok\n"); });
  SUJIP_CHECK_OK(fresh->start());
  server = std::move(fresh);
  return Status::success();
}

}  // namespace sujip
