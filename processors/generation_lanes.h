#pragma once
// All lanes of one generation: the stages of the topology with the names, the datasets and the mapping
// of the generation, and local state of its own.

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/settings.h"
#include "processors/normalize/normalizers.h"
#include "processors/process.h"
#include "processors/runtime/stuck_watch.h"
#include "processors/topology.h"
#include "topics/generation.h"

namespace sujip {

class GenerationLanes {
 public:
  // Starts them. `memory`: shared by all generations of the process. `pace`: of those that read raw topics; without
  // it they read as fast as they can.
  static Result<std::unique_ptr<GenerationLanes>> start(const Settings& settings, const ProcessOptions& options,
                                                        const topics::Generation& generation,
                                                        std::shared_ptr<const topics::Liveness> live,
                                                        std::shared_ptr<MemoryBudget> memory,
                                                        std::shared_ptr<Pace> pace = nullptr);
  ~GenerationLanes();

  // Why a lane gave up; then all of them end.
  std::optional<Error> problem() const;
  const std::string& folder() const { return folder_; }

 private:
  GenerationLanes(const topics::Generation& generation, topics::Names names, Datasets all)
      : all_(std::move(all)), datasets_(generation.of(all_)), names_(std::move(names)) {}

  Datasets all_;       // mappings may speak of any
  Datasets datasets_;  // of the generation
  topics::Names names_;
  std::unique_ptr<MappingSet> normalizers_;
  std::string folder_;
  std::unique_ptr<Store> store_;
  std::vector<Stage> stages_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::optional<Error> problem_;
  StuckWatch watch_;
  std::vector<std::jthread> threads_;
};

}  // namespace sujip
