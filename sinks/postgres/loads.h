#pragma once
// When have the rows of a run arrived in the tables? A decided run gets a row "stage sink, started" in
// run_log with the flush that wrote its change_log; this class notes how far the dataset's change topic
// reaches at that time, and says "finished" when every partition's progress has passed it. A restart
// finds the open rows in the table.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/kafka/admin.h"
#include "core/postgres/connection.h"
#include "sinks/postgres/progress.h"
#include "topics/generation.h"

namespace sujip::sink {

class Loads {
 public:
  // `live`: of which datasets it speaks; null: of all.
  explicit Loads(topics::Names names, std::shared_ptr<const topics::Liveness> live = nullptr)
      : names_(std::move(names)), live_(std::move(live)) {}

  // `partitions`: of every topic of the cluster. `rows`: progress of all partitions of this sink.
  // Returns the number of runs that arrived.
  Result<int> check(pg::Connection& connection, kafka::Admin& admin, const std::map<std::string, int32_t>& partitions,
                    const std::vector<ProgressRow>& rows);

 private:
  using Run = std::pair<std::string, std::string>;  // scope, run
  struct Goal {
    std::string topic;
    std::vector<int64_t> offsets;  // by partition
  };
  topics::Names names_;
  std::shared_ptr<const topics::Liveness> live_;
  std::map<Run, Goal> goals_;
};

// True when every partition has read up to the goal.
bool has_passed(const std::vector<int64_t>& goal, const std::string& topic, const std::vector<ProgressRow>& rows);

}  // namespace sujip::sink
