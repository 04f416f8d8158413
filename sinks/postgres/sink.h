#pragma once
// The sink role: finds the topics, shares their partitions with the other sinks, keeps the writers
// going, and notes when runs have arrived in the tables.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/kafka/admin.h"
#include "core/settings.h"
#include "sinks/postgres/loads.h"
#include "sinks/postgres/members.h"
#include "sinks/postgres/worker.h"
#include "topics/dataset.h"

namespace sujip::sink {

struct SinkOptions {
  int writers = 0;  // 0: as many as cores, at least 2 and at most 4
  size_t batch_rows = 20000;
  size_t batch_bytes = 32 << 20;
};

// What every topic becomes: topic name with prefix -> target.
std::map<std::string, Target> targets_of(const Datasets& datasets, const std::string& prefix);

class Sink {
 public:
  Sink(const Settings& settings, const Datasets& datasets, SinkOptions options);
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
  const Datasets datasets_;
  const SinkOptions options_;
  const std::map<std::string, Target> targets_;
  const std::string owner_;
  Progress progress_;
  Members members_;
  DeadLetters dead_;
  Loads loads_;
  std::optional<pg::Connection> connection_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<kafka::Consumer> marks_;  // asks for the first offset of new partitions
  std::map<std::string, int32_t> partitions_;  // of every topic of the cluster
  std::vector<std::unique_ptr<Worker>> workers_;
  int rounds_ = 0;
};

}  // namespace sujip::sink
