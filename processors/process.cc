#include "processors/process.h"

#include <fmt/format.h>
#include <pthread.h>

#include <mutex>
#include <optional>
#include <thread>

#include "core/kafka/admin.h"
#include "core/log.h"
#include "core/stop_signal.h"
#include "processors/normalize/normalizers.h"
#include "processors/topology.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

// Every topic a stage needs, with the right number of partitions: told at the start, not at the first
// record.
Status check_topics(kafka::Admin& admin, const Datasets& datasets, const Settings& settings) {
  SUJIP_TRY(const auto present, admin.topics());
  for (const auto& wanted : topics::catalogue(datasets, settings.prefix)) {
    const auto found = present.find(wanted.name);
    if (found == present.end())
      return Error{"the topic is missing", wanted.name, "run `sujip topics apply`"};
    if (found->second != wanted.partitions)
      return Error{fmt::format("{} partitions instead of {}", found->second, wanted.partitions),
                   "topic " + wanted.name, "see `sujip topics diff`"};
  }
  return {};
}

}  // namespace

std::string state_folder_stem(const Settings& settings) {
  return fmt::format("{}/state/{}process-", settings.home, settings.prefix);
}

Status run_process(const Settings& settings, const ProcessOptions& options) {
  const std::stop_token stop = stop_on_signal();
  SUJIP_TRY(const Datasets datasets, Datasets::load(settings.share + "/topics/datasets"));
  SUJIP_TRY(const auto normalizers,
            MappingSet::load(settings.share + "/producers/connectors", datasets));
  SUJIP_TRY(const auto admin, kafka::Admin::create(settings.kafka));
  SUJIP_CHECK_OK(check_topics(*admin, datasets, settings));
  SUJIP_TRY(const std::string cluster, admin->cluster_id());
  const std::string dir = state_folder_stem(settings) + settings.instance;
  const auto cache = static_cast<size_t>(options.cache_mb) << 20;
  SUJIP_TRY(const auto store, Store::open(dir, cluster + " " + settings.prefix, cache / 8));
  const auto memory = std::make_shared<MemoryBudget>(cache - cache / 8);

  const std::vector<Stage> stages = build_topology(datasets, *normalizers, options.lanes);
  std::stop_source failed;
  const std::stop_callback forward(stop, [&] { failed.request_stop(); });
  std::mutex mutex;
  std::optional<Error> problem;
  std::vector<std::jthread> threads;
  for (const Stage& stage : stages) {
    for (int i = 0; i < stage.lanes; ++i) {
      LaneOptions lane;
      lane.bootstrap = settings.kafka;
      lane.prefix = settings.prefix;
      lane.group = stage.name;
      lane.instance = fmt::format("{}-{}", settings.instance, i);
      lane.inputs = stage.inputs;
      lane.commit_interval_ms = options.commit_interval_ms;
      lane.session_timeout_ms = options.session_timeout_ms;
      lane.memory = memory;
      threads.emplace_back([&, lane, make = stage.make] {
        pthread_setname_np(pthread_self(), fmt::format("{}-{}", lane.group, lane.instance).c_str());
        Lane runner(lane, *store, make);
        if (const Status s = runner.run(failed.get_token()); !s.ok()) {
          const std::lock_guard lock(mutex);
          if (!problem) problem = s.error();
          failed.request_stop();
        }
      });
    }
  }
  log::info("{} lanes, state in {}", threads.size(), dir);
  threads.clear();  // joins
  if (problem) return *problem;
  return {};
}

}  // namespace sujip
