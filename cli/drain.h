#pragma once
// Is everything that was published in the tables? Follows the way of the data: raw -> changes ->
// rollups -> PostgreSQL.

#include <memory>
#include <string>
#include <vector>

#include "cli/readers.h"
#include "core/kafka/admin.h"
#include "core/postgres/connection.h"
#include "core/settings.h"

namespace sujip {

class Drain {
 public:
  static Result<Drain> open(const Settings& settings);

  struct Lag {
    int64_t process = 0;  // records behind, control records counted in
    int64_t sink = 0;
  };
  // Offsets only: cheap, never quite 0 because control records count.
  Result<Lag> lag();
  // True when no record is left for any reader, nothing waits for a verdict and nothing new came
  // while looking.
  Result<bool> drained();

 private:
  Drain() = default;
  Result<std::vector<std::pair<kafka::TopicPartition, int64_t>>> positions(const Reader& reader);
  // True when a reader at these positions would get no record.
  Result<bool> nothing_behind(const std::vector<std::pair<kafka::TopicPartition, int64_t>>& positions);
  Result<int64_t> behind(const Reader& reader);

  Settings settings_;
  std::vector<Reader> readers_;  // in the order of the data
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<pg::Connection> pg_;
};

}  // namespace sujip
