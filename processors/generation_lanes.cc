#include "processors/generation_lanes.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/kafka/admin.h"
#include "core/log.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

// Every topic a stage needs, with the right number of partitions: told at the start, not at the first
// record.
Status check_topics(kafka::Admin& admin, const Datasets& datasets, const topics::Names& names) {
  SUJIP_TRY(const auto present, admin.topics());
  auto wanted = topics::derived_catalogue(datasets, names);
  for (const Dataset& d : datasets.all()) wanted.push_back({names.topic(d.raw_topic), topics::kPartitions, {}});
  for (const auto& topic : wanted) {
    const auto found = present.find(topic.name);
    if (found == present.end()) return Error{"the topic is missing", topic.name, "run `sujip topics apply`"};
    if (found->second != topic.partitions)
      return Error{fmt::format("{} partitions instead of {}", found->second, topic.partitions), "topic " + topic.name,
                   "see `sujip topics diff`"};
  }
  return {};
}

// What a replay on this machine left is as good as our own, and need not be read from the topics again. It has ended:
// before that nobody else keeps its generation in step.
void inherit(const std::filesystem::path& folder) {
  std::error_code problem;
  std::filesystem::path left = folder;
  left += kReplaySuffix;
  if (std::filesystem::exists(folder, problem) || !std::filesystem::exists(left, problem)) return;
  std::filesystem::rename(left, folder, problem);
  if (problem) log::warn("{}: {}; the state is read from the topics instead", left.string(), problem.message());
}

}  // namespace

Result<std::unique_ptr<GenerationLanes>> GenerationLanes::start(const Settings& settings, const ProcessOptions& options,
                                                                const topics::Generation& generation,
                                                                std::shared_ptr<const topics::Liveness> live,
                                                                std::shared_ptr<MemoryBudget> memory,
                                                                std::shared_ptr<Pace> pace) {
  SUJIP_TRY(Datasets all, Datasets::load(settings.share + "/topics/datasets"));
  std::unique_ptr<GenerationLanes> self(
      new GenerationLanes(generation, {settings.prefix, generation.number}, std::move(all)));
  SUJIP_TRY(self->normalizers_, MappingSet::load(settings.share + "/producers/connectors", self->all_));
  if (!generation.mapping.empty()) {
    SUJIP_TRY(MappingFile mapping, parse_mapping(generation.mapping, generation.mapping_file, self->all_));
    self->normalizers_->replace(std::move(mapping));
  }
  SUJIP_TRY(const auto admin, kafka::Admin::create(settings.kafka));
  SUJIP_CHECK_OK(check_topics(*admin, self->datasets_, self->names_));
  SUJIP_TRY(const std::string cluster, admin->cluster_id());
  self->folder_ = state_folder_stem(settings, generation.number) + settings.instance;
  inherit(self->folder_);
  SUJIP_TRY(self->store_, Store::open(self->folder_, cluster + " " + settings.prefix));
  self->stages_ = build_topology(self->datasets_, *self->normalizers_, options.lanes, topics::Selection(generation));
  for (const Stage& stage : self->stages_) {
    for (int i = 0; i < stage.lanes; ++i) {
      LaneOptions lane;
      lane.bootstrap = settings.kafka;
      lane.names = self->names_;
      lane.group = stage.name;
      lane.instance = fmt::format("{}-{}", settings.instance, i);
      lane.inputs = stage.inputs;
      lane.commit_interval_ms = options.commit_interval_ms;
      lane.session_timeout_ms = options.session_timeout_ms;
      lane.memory = memory;
      lane.live = live;
      if (&stage == &self->stages_.front()) lane.pace = pace;  // the others get no more than what comes out of it
      self->threads_.emplace_back([me = self.get(), lane, make = stage.make]() mutable {
        lane.beat = me->watch_.watch(fmt::format("{} lane {}", lane.group, lane.instance));
        pthread_setname_np(pthread_self(), fmt::format("{}-{}", lane.group, lane.instance).substr(0, 15).c_str());
        Lane runner(std::move(lane), *me->store_, make);
        if (const Status s = runner.run(me->stop_.get_token()); !s.ok()) {
          const std::lock_guard lock(me->mutex_);
          if (!me->problem_) me->problem_ = s.error();
          me->stop_.request_stop();
        }
      });
    }
  }
  log::info("generation {}: {} lanes, state in {}", generation.number, self->threads_.size(), self->folder_);
  return self;
}

GenerationLanes::~GenerationLanes() {
  stop_.request_stop();
  watch_.stopping();
  threads_.clear();  // joins
}

std::optional<Error> GenerationLanes::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace sujip
