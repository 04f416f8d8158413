#pragma once
// The sink role: finds the topics, shares their partitions with the other sinks, keeps the writers
// going, and notes when runs have arrived in the tables.

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/kafka/admin.h"
#include "core/settings.h"
#include "sinks/postgres/loads.h"
#include "sinks/postgres/mapping.h"
#include "sinks/postgres/members.h"
#include "sinks/postgres/worker.h"
#include "topics/dataset.h"
#include "topics/generation.h"

namespace sujip::sink {

struct SinkOptions {
  int writers = 0;  // 0: as many as cores, at least 2 and at most 4
  size_t batch_rows = 20000;
  size_t batch_bytes = 32 << 20;
  // How long rows wait for later ones of their key, unless the batch is full: fewer writes for later
  // rows.
  int gather_ms = 0;
};

// What a sink is to do.
struct Work {
  std::string sink;                       // names its progress
  std::map<std::string, Target> targets;  // by topic, with prefix
  std::vector<Table> tables;              // made and widened at the start
  bool runs = false;                      // notes when runs have arrived
  topics::Names names;                    // of the generation whose rows, or else whose dead letters it writes
};
// All topics and tables of the declarations in one generation.
Work declared_work(const Datasets& datasets, const topics::Names& names);
// What is left of the first generation when it is dropped: what collectors say.
Work collectors_work(const std::string& prefix, const topics::LiveGenerations& live);
// What a mapping says. Topics that are made from raw ones are those of the live generation.
Work mapped_work(const Mapping& mapping, const std::string& prefix, const topics::LiveGenerations& live);

class Sink {
 public:
  // `live`: whether it says what became of runs, and counts; null: it does.
  Sink(const Settings& settings, Work work, SinkOptions options,
       std::shared_ptr<const topics::Liveness> live = nullptr);
  ~Sink();

  // Works until `stop` is true or nothing can be done without a person. Makes and widens the tables
  // first.
  Status run(const std::atomic<bool>& stop);

 private:
  Status open();   // session and tables
  Status round();  // one round of the coordinator
  Status discover();
  Status share(const std::vector<Member>& members, const std::vector<ProgressRow>& rows);
  void export_lag(const std::vector<ProgressRow>& rows);
  std::optional<Error> fatal() const;

  const Settings settings_;
  const Work work_;
  const SinkOptions options_;
  const std::shared_ptr<const topics::Liveness> live_;
  const std::string owner_;
  Progress progress_;
  Members members_;
  DeadLetters dead_;
  Loads loads_;
  std::optional<pg::Connection> connection_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<kafka::Consumer> marks_;     // asks for the first offset of new partitions
  std::map<std::string, int32_t> partitions_;  // of every topic of the cluster
  std::vector<std::unique_ptr<Worker>> workers_;
  int rounds_ = 0;
  std::set<std::string> missed_;  // topics that were said not to be there
};

}  // namespace sujip::sink
