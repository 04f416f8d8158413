#pragma once
// Writing a run to a raw topic: begin, rows, end. One place decides partitions and headers.

#include <string>
#include <vector>

#include "core/kafka/producer.h"
#include "topics/dataset.h"
#include "topics/envelope.h"
#include "topics/messages.h"
#include "topics/scope.h"

namespace sujip {

// One run being written. Nothing is acknowledged until producer.flush(). A run without end() is thrown
// away by the processors as soon as a newer run of the scope begins.
class RawRun {
 public:
  struct Options {
    PartitionBy partition = PartitionBy::scope;
    int32_t topic_partitions = 6;
    std::optional<Guard> guard;
    bool accept_empty = false;
  };

  // `topic` is a handle of `producer`; both must outlive the run.
  RawRun(kafka::Producer& producer, rd_kafka_topic_t* topic, Scope scope, RunId run, Options options);

  Status begin();
  // One vendor record: `key` is its natural key, `json` the record as it came.
  Status row(std::string_view key, std::string_view json);
  // `hash`: content hash of the run, "" when not known.
  Status end(std::string_view hash);

  // Instead of begin/row/end: the run says byte for byte what the last accepted run said.
  Status same(int64_t rows, std::string_view hash);
  // A decision about the run of this scope (see messages.h).
  Status verdict(const Verdict& verdict);

  int64_t rows() const { return total_; }
  const Scope& scope() const { return scope_; }
  const RunId& run() const { return run_; }

 private:
  Status control(RecordKind kind, int32_t partition, const std::string& value);
  std::vector<int32_t> partitions() const;

  kafka::Producer& producer_;
  rd_kafka_topic_t* topic_;
  Scope scope_;
  RunId run_;
  Options options_;
  std::string subject_;
  int32_t home_;  // the scope's partition when it lives in one
  RawHeaders headers_;
  std::vector<int64_t> per_partition_;
  int64_t total_ = 0;
};

}  // namespace sujip
