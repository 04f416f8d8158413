#pragma once
// A task folds one partition of one input topic. It is pure: (record, state) -> (state, outputs); no
// clock, no I/O of its own. The lane feeds it from Kafka, tests feed it from vectors.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/calendar.h"
#include "core/result.h"
#include "topics/envelope.h"

namespace sujip {

// One input record. Views live until process() returns.
struct Record {
  int64_t offset = 0;
  TimeMs timestamp = 0;
  std::string_view key;
  std::optional<std::string_view> value;  // nullopt: tombstone
  std::optional<RawMeta> meta;            // of records with ce_ headers
  std::string header_problem;             // ce_ headers that make no sense
  const void* origin = nullptr;           // whatever the feeder knows more about it
};

// Where a task's results go. All of them become visible together with the input offset, or not at all.
class Outputs {
 public:
  virtual ~Outputs() = default;
  static constexpr int32_t kByKey = -1;  // murmur2 of the key
  // Topic names are those of the catalogue, without prefix. value nullopt: tombstone.
  virtual void emit(std::string_view topic, int32_t partition, std::string_view key,
                    std::optional<std::string_view> value) = 0;
  // As emit, with the headers of a raw control record (a verdict).
  virtual void emit_control(std::string_view topic, int32_t partition, const Scope& scope, const RunId& run,
                            RecordKind kind, std::string_view value) = 0;
  virtual void dead_letter(const Record& record, std::string_view dataset, std::string_view scope, std::string_view run,
                           std::string_view reason) = 0;
};

// Read access to the task's own input, for runs whose rows are needed again. Immutable, so a task that
// uses it is still a pure function of its input.
class InputLog {
 public:
  virtual ~InputLog() = default;
  // Calls f for every record with first <= offset <= last, in order.
  virtual Status read(int64_t first, int64_t last, const std::function<void(const Record&)>& f) = 0;
};

class Task {
 public:
  virtual ~Task() = default;

  virtual void process(const Record& record, Outputs& outputs) = 0;
  // Before the transaction ends: emit what was combined since the last commit.
  virtual void before_commit(Outputs& outputs) { (void)outputs; }

  // The topics whose partition (of the same number as the input's) is this task's state.
  virtual std::vector<std::string> state_topics() const { return {}; }
  // One record of a state topic, read back in order. Must be idempotent.
  virtual Status restore(std::string_view topic, std::string_view key, std::optional<std::string_view> value) {
    (void)topic, (void)key, (void)value;
    return {};
  }
  // What was read back comes from input records before this offset, as far as it tells; 0: it tells nothing. A group
  // whose offset is lower has forgotten what it committed.
  virtual int64_t restored_upto() const { return 0; }
};

}  // namespace sujip
