#pragma once
// Local state: one RocksDB per process, which only ever receives whole checkpoints.
//
// RocksDB is an index of what Kafka holds (a task's output topics), never the truth. Nothing is written
// row by row: dirty rows wait in TaskStore's blocks and go in as one sorted, ingested SST together with
// the positions they stand for. The store is therefore always a committed state, at or behind Kafka.
//
// Key layout: task (8 bytes, hash of its name) | space (1) | prefix (8) | key (16), big endian.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "topics/row.h"

namespace sujip {

class Store {
 public:
  // Opens or creates the store. `cluster` names the Kafka cluster the state belongs to: state of
  // another cluster is dropped. A second process on the same folder is refused.
  static Result<std::unique_ptr<Store>> open(const std::string& dir, const std::string& cluster,
                                             size_t cache_bytes);
  ~Store();

  // Calls f(key, value) for every row of task/space/prefix in key order.
  void scan(uint64_t task, uint8_t space, uint64_t prefix,
            const std::function<void(const KeyHash&, std::string_view)>& f) const;
  // A small value of the task, outside of the rows ("" when there is none).
  std::string meta(uint64_t task) const;

  // One row of a checkpoint; `value` null = delete.
  struct Write {
    std::string key;  // whole key, see row_key()
    const std::string* value;
  };
  // Ingests the rows (sorted here) and the task's meta as one atomic file. Empty `writes` still
  // moves the meta.
  Status ingest(std::vector<Write>& writes, const std::vector<std::pair<uint64_t, std::string>>& metas);
  // Forgets everything of a task.
  Status wipe(uint64_t task);

  static std::string row_key(uint64_t task, uint8_t space, uint64_t prefix, const KeyHash& key);
  static uint64_t task_id(std::string_view name);

  uint64_t bytes_on_disk() const;

 private:
  Store();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sujip
