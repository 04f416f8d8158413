#pragma once
// normalize -> dedup -> changes, for one partition of one raw topic.
//
// A run is collected until its `end`, compared with the scope's rows in one pass, decided, and applied
// as a whole or not at all. Runs of a scope are decided in the order of their begin. A run over many
// partitions is told to the coordinator (scope.tally) and waits for its verdict, which comes back as a
// record of the raw topic; runs behind it wait, too. Records without headers are plain upserts.
//
// State: change.<dataset> (rows) and scope.<dataset> (what ScopeState says), same partition number.

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

#include "processors/entity/change_reader.h"
#include "processors/entity/change_writer.h"
#include "processors/entity/run_rows.h"
#include "processors/entity/scope_state.h"
#include "processors/entity/snapshot.h"
#include "processors/normalizer.h"
#include "processors/rollup/delta.h"
#include "processors/store/task_store.h"
#include "processors/task.h"
#include "topics/generation.h"

namespace sujip {

class EntityTask : public Task {
 public:
  struct Options {
    std::string raw_topic;
    int32_t partition = 0;
    topics::Selection selection;           // what is left out does not exist
    size_t run_memory_bytes = 256u << 20;  // rows of open runs; beyond it they are read again
  };

  // datasets, normalizers, store and log must outlive the task.
  EntityTask(Options options, const Datasets& datasets, const Normalizers& normalizers, TaskStore& store,
             InputLog& log);
  ~EntityTask() override;

  void process(const Record& record, Outputs& outputs) override;
  void before_commit(Outputs& outputs) override;
  std::vector<std::string> state_topics() const override;
  Status restore(std::string_view topic, std::string_view key, std::optional<std::string_view> value) override;
  int64_t restored_upto() const override { return restored_upto_; }

 private:
  // Spaces of the store: rows of a scope under their keys, and its ScopeState under no key.
  static constexpr uint8_t kRowSpace = 1;
  static constexpr uint8_t kScopeSpace = 2;
  // Subjects of scopes with runs under way, all in one block. Only a help: what isn't in it is found, too, later.
  static constexpr uint8_t kPendingSpace = 3;

  // Where the rows of a run are. In the log they must be read again before they are needed; `dropped` went there
  // for want of memory.
  enum class RowsAt { memory, reading, log, dropped };
  struct Run {
    Begin begin;
    int64_t begin_offset = 0;
    int64_t end_offset = 0;
    RunRows rows;
    int64_t received = 0;
    int64_t rejected = 0;
    std::optional<End> end;
    std::optional<Same> same;
    bool waiting = false;
    RowsAt rows_at = RowsAt::memory;
    const RunId& id() const { return begin.run; }
    bool in_memory() const { return rows_at == RowsAt::memory; }
    void drop_rows(RowsAt at) {
      rows.clear();
      rows_at = at;
    }
    void start_reading() {
      drop_rows(RowsAt::reading);
      received = rejected = 0;
      end.reset();
    }
  };
  struct ActiveScope {
    struct Part {
      std::string text;
      FieldValue value;  // a view of `text` where the field is one
    };
    Scope scope;
    std::string subject;
    uint64_t prefix = 0;
    const Dataset* dataset = nullptr;
    const Normalizer* normalizer = nullptr;
    RowBuilder* builder = nullptr;
    std::vector<Part> fields;  // what every row must have in its scope fields
    ScopeState state;
    ScopeState emitted;  // as last told to scope.<dataset>
    std::deque<Run> runs;
    Run* find(const RunId& run);
    bool read_fields(std::string& problem);
  };

  // Records without headers, and the scope of the last of them.
  struct Plain {
    const Dataset* dataset = nullptr;  // null: this topic takes none
    const Normalizer* identity = nullptr;
    RowBuilder* builder = nullptr;
    DeltaCollector* deltas = nullptr;
    Block* block = nullptr;  // of the scope's rows; not kept over a commit
    Scope scope;
    std::string subject;
    uint64_t prefix = 0;
    int64_t slice_number = 0;
    std::string slice_text;
    Counts* counts = nullptr;
  };

  bool takes(const Record& record);
  ActiveScope* activate(std::string_view subject, std::string& problem);
  void plain(const Record& record, Outputs& outputs);
  void enter_plain_scope(const std::vector<FieldValue>& row);
  void begin(ActiveScope& scope, const Record& record, Outputs& outputs);
  // True when the run has been here already, or is older than one that was; the latter is told.
  bool is_late(ActiveScope& scope, const Run& run, Outputs& outputs);
  // Throws away runs without an end; false when there was none.
  bool abandon_open(ActiveScope& scope, int64_t now, Outputs& outputs);
  void row(ActiveScope& scope, const RunId& run, const Record& record, Outputs& outputs);
  // Reads one row into the scope's builder; `reason` says why it is refused.
  Normalizer::Outcome read_row(const ActiveScope& scope, const Record& record, std::string& reason);
  // Adds one row to the run, or to its rejected ones.
  Normalizer::Outcome take_row(const ActiveScope& scope, Run& run, const Record& record, std::string& reason);
  void end(ActiveScope& scope, const Record& record, Outputs& outputs);
  void same(ActiveScope& scope, const Record& record, Outputs& outputs);
  void verdict(ActiveScope& scope, const Record& record, Outputs& outputs);

  // Decides the runs at the head of the queue as far as possible. `now`: offset of the current record.
  void advance(ActiveScope& scope, int64_t now, Outputs& outputs);
  bool decide(ActiveScope& scope, Run& run, int64_t now, Outputs& outputs);
  void apply(ActiveScope& scope, Run& run, const SnapshotDiff& diff, bool with_deletes, int64_t now, Outputs& outputs);
  void hold(ActiveScope& scope, const Run& run, Outputs& outputs);
  void accept_state(ActiveScope& scope, const Run& run, Outputs& outputs);
  // Brings the rows of a run into memory, and those of runs that lie near it in the log, in one reading up to
  // `last`, before which all was processed. Throws when the log cannot be read.
  void recall(Run& run, int64_t last);
  // The same for one that is in no queue any more.
  void recall_held(ActiveScope& scope, Run& run, int64_t last);
  // Gives the records between the offsets to the runs that `place_of` says; `taken`: how much a row takes.
  using Place = std::pair<ActiveScope*, Run*>;
  void read_rows(int64_t first, int64_t last, const std::function<Place(const RawMeta&)>& place_of,
                 const std::function<void(Run&, int64_t bytes)>& taken);
  void remember_pending(std::string_view subject, bool any);
  void activate_pending();
  SnapshotDiff compare(ActiveScope& scope, Run& run);
  void tell(const ActiveScope& scope, const Run& run, Outcome outcome, const Counts& counts, std::string reason,
            Outputs& outputs, std::string by = "");
  // Tells the coordinator which verdict was read: it may know nothing of it, see there.
  void tell_followed(const ActiveScope& scope, const Run& run, const Verdict& verdict, Outputs& outputs);
  Status restore_row(const Dataset& dataset, std::string_view change);
  Status parse_change(const Dataset& dataset, std::string_view change, RowBuilder& row, ReadChange& out);
  Status restore_tombstone(const Dataset& dataset, std::string_view key);
  void save(ActiveScope& scope);
  void limit_memory();
  DeltaCollector& deltas(const Dataset& dataset);

  Options options_;
  const Datasets& datasets_;
  const Normalizers& normalizers_;
  TaskStore& store_;
  InputLog& log_;
  std::map<std::string, std::unique_ptr<ActiveScope>, std::less<>> active_;
  ActiveScope* last_ = nullptr;  // rows of a scope come together
  int64_t restored_upto_ = 0;
  bool knows_pending_ = false;  // all scopes with runs under way are active
  std::map<std::string, std::unique_ptr<RowBuilder>, std::less<>> builders_;
  std::map<std::string, std::unique_ptr<DeltaCollector>, std::less<>> deltas_;
  Plain plain_;
  std::string looked_at_;  // the subject that takes() was asked of last, of a dated scope
  bool taken_ = false;
  std::map<std::string, Counts> plain_counts_;  // by source, since the last commit
  ChangeWriter writer_;
  std::string row_bytes_;
  std::vector<FieldValue> row_values_;
};

}  // namespace sujip
