#pragma once
// Where the readers stand, and where the topics end.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/readers.h"
#include "core/kafka/admin.h"
#include "core/kafka/consumer.h"
#include "core/postgres/connection.h"
#include "core/result.h"

namespace sujip {

struct ReaderPosition {
  kafka::TopicPartition tp;
  int64_t position = -1;  // next offset to read; -1: it has not begun
  int64_t begin = 0;      // first offset that is there
  int64_t end = 0;        // last stable offset
  int64_t behind = 0;     // offsets to read; 0 when only markers of transactions are left
};

class Positions {
 public:
  // Of the readers of these generations.
  static Result<Positions> open(const Settings& settings, const std::vector<topics::Generation>& generations);

  const std::vector<Reader>& readers() const { return readers_; }
  // Where it stands and where its topics end, no more.
  Result<std::vector<ReaderPosition>> read_positions(const Reader& reader);
  // Partitions in the order of reader.topics. `behind` counts markers.
  Result<std::vector<ReaderPosition>> read(const Reader& reader);
  // Takes away the markers: reads the first record of each partition that is behind.
  Status look_closer(std::vector<ReaderPosition>& positions);

 private:
  Positions() = default;
  Settings settings_;
  std::vector<Reader> readers_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<kafka::Consumer> reader_;
  std::unique_ptr<pg::Connection> pg_;
  std::map<std::string, int32_t> topics_;
};

}  // namespace sujip
