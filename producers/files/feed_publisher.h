#pragma once
// Files -> runs in Kafka. A file is checked as a whole before its first record is sent, and counts as
// accepted only after every record of its run was acknowledged. Acknowledgements are awaited for many
// files at once.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/kafka/producer.h"
#include "producers/files/feed_memory.h"
#include "producers/files/file_reader.h"
#include "topics/raw_writer.h"

namespace sujip::feeds {

// Where the records go. Handles belong to the producer.
struct FeedTarget {
  kafka::Producer* producer = nullptr;
  rd_kafka_topic_t* raw = nullptr;
  int32_t raw_partitions = 1;
  rd_kafka_topic_t* run_log = nullptr;
  int32_t run_log_partitions = 1;
};

struct FeedCounts {
  int64_t files = 0;  // published
  int64_t rows = 0;
  int64_t skipped = 0;  // said nothing new
  int64_t runs = 0;
  std::vector<Refusal> refused;

  FeedCounts& operator+=(const FeedCounts& other);
};

// Stores accepted files for good. Called with those whose records are acknowledged.
using Accept = std::function<Status(const std::vector<AcceptedFile>&)>;

class FeedPublisher {
 public:
  struct Options {
    std::optional<Guard> guard;
    PartitionBy partition = PartitionBy::scope;
    bool by_hand = false;  // see FeedMemory::decide
    std::function<bool()> stopped = [] { return false; };
  };

  // `connector` and `memory` must outlive the publisher.
  FeedPublisher(const FileConnector& connector, FeedTarget target, FeedMemory& memory, Accept accept, Options options);

  // Publishes one file, or finds that it says nothing new, or that it is wrong (counted, logged to
  // run.log). An error is one of the surroundings: nothing more can be published now.
  Status offer(const OfferedFile& offered);
  // A file whose name already is wrong.
  Status refuse(const Refusal& refusal, const Scope& scope);
  // Waits for acknowledgements and stores what is accepted. Call at the end, and after a pause.
  Status confirm();

  const FeedCounts& counts() const { return counts_; }

 private:
  Status publish(const OfferedFile& offered, TimeMs started);
  Status send_large(const OfferedFile& offered, RawRun& run);
  Status accept_as(const OfferedFile& offered, Answer answer, const std::string& hash, int64_t rows, const RunId& run);
  Status flush();
  Status write_run_log(const RunLog& entry);

  const FileConnector& connector_;
  FeedTarget target_;
  FeedMemory& memory_;
  Accept accept_;
  Options options_;
  FileReader reader_;
  FeedCounts counts_;
  std::vector<AcceptedFile> waiting_;  // sent, not acknowledged
  int64_t waiting_bytes_ = 0;
  std::chrono::steady_clock::time_point waiting_since_;
};

}  // namespace sujip::feeds
