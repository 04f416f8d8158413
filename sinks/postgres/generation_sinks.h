#pragma once
// The sinks of all generations that are kept in step, each on a thread of its own. Looks for them every
// second, so a swap or a drop needs no restart.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/settings.h"
#include "sinks/postgres/sink.h"
#include "topics/generations.h"

namespace sujip::sink {

// One sink and its thread.
class RunningSink {
 public:
  RunningSink(const Settings& settings, Work work, const SinkOptions& options,
              std::shared_ptr<const topics::Liveness> live);
  ~RunningSink();  // flushes, gives its partitions back
  // How it ended by itself.
  std::optional<Error> problem() const;

 private:
  Sink sink_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::optional<Error> problem_;
  std::thread thread_;
};

// Works until `stop` is true, or until the sink of what readers see can't go on without a person.
Status run_generation_sinks(const Settings& settings, const Datasets& datasets, const SinkOptions& options,
                            const std::atomic<bool>& stop);

// The same for the tables of a mapping, which follow the live generation.
Status run_mapped_sink(const Settings& settings, const Mapping& mapping, const SinkOptions& options,
                       const std::atomic<bool>& stop);

}  // namespace sujip::sink
