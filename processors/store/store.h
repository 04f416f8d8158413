#pragma once
// Local state: one RocksDB per process, which only ever receives whole checkpoints and is only ever
// asked for all pages of a prefix.
//
// RocksDB is an index of what Kafka holds (a task's output topics), never the truth. Nothing is written
// row by row: dirty pages wait in TaskStore's blocks and go in as one sorted, ingested SST together with
// the positions they stand for. The store is therefore always a committed state, at or behind Kafka.
//
// Key layout: task (8 bytes, hash of its name) | space (1) | prefix (8) | start of the page (16), big endian.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  static Result<std::unique_ptr<Store>> open(const std::string& dir, const std::string& cluster);
  ~Store();

  // For reading many blocks of tasks that nobody writes meanwhile: making one costs as much as reading some pages. It
  // keeps files that compaction has replaced on the disk: let it go from time to time. For one thread.
  class View {
   public:
    explicit View(const Store& store);
    ~View();
    View(View&&) noexcept;
    View& operator=(View&&) noexcept;
    // Calls f(start, page) for every page of task/space/prefix in order.
    void scan(uint64_t task, uint8_t space, uint64_t prefix,
              const std::function<void(const KeyHash&, std::string_view)>& f);

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };
  // A small value of the task, outside of the pages ("" when there is none).
  std::string meta(uint64_t task) const;

  // One checkpoint: pages and the positions they stand for, as one file that is ingested as a whole.
  // Order: tasks ascending by id; of each task its pages ascending by space, prefix and start, then meta().
  // Dropped without ingest() it leaves nothing behind.
  class Checkpoint {
   public:
    explicit Checkpoint(Store& store);
    ~Checkpoint();
    // `value` null deletes.
    void page(uint64_t task, uint8_t space, uint64_t prefix, const KeyHash& start,
              std::optional<std::string_view> value);
    void meta(uint64_t task, std::string_view value);
    // The first problem of all of the above, or of the ingestion.
    Status ingest();

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

  // Forgets everything of a task.
  Status wipe(uint64_t task);

  static uint64_t task_id(std::string_view name);

  uint64_t bytes_on_disk() const;
  uint64_t pages_on_disk() const;  // estimated

 private:
  Store();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sujip
