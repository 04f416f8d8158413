#include "topics/raw_writer.h"

#include "core/murmur2.h"

namespace sujip {

RawRun::RawRun(kafka::Producer& producer, rd_kafka_topic_t* topic, Scope scope, RunId run, Options options)
    : producer_(producer),
      topic_(topic),
      scope_(std::move(scope)),
      run_(run),
      options_(options),
      subject_(scope_.subject()),
      home_(partition_of(subject_, options.topic_partitions)),
      headers_(scope_, run_),
      per_partition_(static_cast<size_t>(options.topic_partitions)) {}

std::vector<int32_t> RawRun::partitions() const {
  if (options_.partition == PartitionBy::scope) return {home_};
  std::vector<int32_t> all;
  for (int32_t p = 0; p < options_.topic_partitions; ++p) all.push_back(p);
  return all;
}

Status RawRun::control(RecordKind kind, int32_t partition, const std::string& value) {
  return producer_.produce(topic_, partition, subject_, value, headers_.control(kind));
}

Status RawRun::begin() {
  const std::vector<int32_t> spread = partitions();
  const Begin begin{run_, run_.snapshot_ms, static_cast<int>(spread.size()), options_.guard, options_.accept_empty};
  const std::string value = encode(begin, subject_);
  for (const int32_t p : spread) SUJIP_CHECK_OK(control(RecordKind::begin, p, value));
  return {};
}

Status RawRun::row(std::string_view key, std::string_view json) {
  const int32_t p = options_.partition == PartitionBy::scope ? home_ : partition_of(key, options_.topic_partitions);
  SUJIP_CHECK_OK(producer_.produce(topic_, p, key, json, headers_.row(total_)));
  ++total_;
  ++per_partition_[static_cast<size_t>(p)];
  return {};
}

Status RawRun::end(std::string_view hash) {
  for (const int32_t p : partitions()) {
    const End end{run_, per_partition_[static_cast<size_t>(p)], total_, std::string(hash)};
    SUJIP_CHECK_OK(control(RecordKind::end, p, encode(end)));
  }
  return {};
}

Status RawRun::same(int64_t rows, std::string_view hash) {
  const std::vector<int32_t> spread = partitions();
  const std::string value =
      encode(Same{run_, run_.snapshot_ms, rows, std::string(hash), static_cast<int>(spread.size())});
  for (const int32_t p : spread) SUJIP_CHECK_OK(control(RecordKind::same, p, value));
  return {};
}

Status RawRun::verdict(const Verdict& verdict) {
  const std::string value = encode(verdict);
  for (const int32_t p : partitions()) SUJIP_CHECK_OK(control(RecordKind::verdict, p, value));
  return {};
}

}  // namespace sujip
