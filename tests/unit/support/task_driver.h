#pragma once
// The whole way of the data without a broker: entity, coordinator and rollup tasks over topics that are
// vectors. Each task has its own transaction. What a task emits becomes visible with commit() and is
// thrown away by crash(), together with the task and what it had in memory; the task is then made anew
// and reads its state topics, from the checkpoint of a real Store or from the beginning.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/murmur2.h"
#include "processors/coordinator/coordinator_task.h"
#include "processors/entity/entity_task.h"
#include "processors/rollup/rollup_task.h"
#include "topics/catalogue.h"
#include "topics/messages.h"

namespace sujip::testing {

using Random = std::mt19937_64;

inline int64_t pick(Random& random, int64_t from, int64_t to) {
  return std::uniform_int_distribution<int64_t>(from, to)(random);
}
inline bool chance(Random& random, double share) {
  return std::uniform_real_distribution<double>(0, 1)(random) < share;
}

// A record as it lies in a topic.
struct Stored {
  struct Meta {
    std::string dataset;
    RecordKind kind = RecordKind::row;
    std::string subject;
    std::string run;
  };
  std::string key;
  std::optional<std::string> value;
  std::optional<Meta> meta;
  TimeMs timestamp = 0;
};

inline Record as_record(const Stored& stored, int64_t offset) {
  Record r;
  r.offset = offset;
  r.timestamp = stored.timestamp;
  r.key = stored.key;
  if (stored.value) r.value = *stored.value;
  if (stored.meta) r.meta = RawMeta{stored.meta->dataset, stored.meta->kind, stored.meta->subject, stored.meta->run};
  return r;
}

using Log = std::vector<Stored>;

// Topics by name; every one has the same number of partitions.
class Topics {
 public:
  static constexpr int32_t kPartitions = 6;
  Log& log(const std::string& topic, int32_t partition) { return logs_[topic][static_cast<size_t>(partition)]; }
  const std::array<Log, kPartitions>& all(const std::string& topic) { return logs_[topic]; }

 private:
  std::map<std::string, std::array<Log, kPartitions>> logs_;
};

class VectorInputLog : public InputLog {
 public:
  explicit VectorInputLog(const Log& log) : log_(log) {}
  Status read(int64_t first, int64_t last, const std::function<void(const Record&)>& f) override {
    if (last >= static_cast<int64_t>(log_.size())) return Error{"behind the end of the log", "", ""};
    ++readings_;
    records_ += last - first + 1;
    for (int64_t i = first; i <= last; ++i) f(as_record(log_[static_cast<size_t>(i)], i));
    return {};
  }

  int64_t readings() const { return readings_; }
  int64_t records() const { return records_; }

 private:
  const Log& log_;
  int64_t readings_ = 0;
  int64_t records_ = 0;
};

// What a task emitted since its last commit.
class PendingOutputs : public Outputs {
 public:
  struct Item {
    std::string topic;
    int32_t partition;
    Stored record;
  };

  void emit(std::string_view topic, int32_t partition, std::string_view key,
            std::optional<std::string_view> value) override {
    Stored record;
    record.key = key;
    if (value) record.value = std::string(*value);
    add(topic, partition, std::move(record));
  }
  void emit_control(std::string_view topic, int32_t partition, const Scope& scope, const RunId& run, RecordKind kind,
                    std::string_view value) override {
    Stored record;
    record.key = scope.subject();
    record.value = std::string(value);
    record.meta = Stored::Meta{scope.dataset, kind, scope.subject(), run.str()};
    add(topic, partition, std::move(record));
  }
  void dead_letter(const Record& record, std::string_view, std::string_view, std::string_view,
                   std::string_view reason) override {
    Stored letter;
    letter.key = std::to_string(record.offset);
    letter.value = std::string(reason);
    add(topics::kDeadLetter, kByKey, std::move(letter));
  }
  std::vector<Item> take() { return std::exchange(items_, {}); }
  const std::vector<Item>& items() const { return items_; }
  void clear() { items_.clear(); }

 private:
  void add(std::string_view topic, int32_t partition, Stored record) {
    if (partition == kByKey) partition = partition_of(record.key, Topics::kPartitions);
    items_.push_back({std::string(topic), partition, std::move(record)});
  }
  std::vector<Item> items_;
};

// One task with its input partition, as a lane would run it.
class Slot {
 public:
  using Make = std::function<std::unique_ptr<Task>(TaskStore&, InputLog&)>;

  Slot(Topics& topics, std::string topic, int32_t partition, Store* store, std::string name, Make make)
      : topics_(topics),
        topic_(std::move(topic)),
        partition_(partition),
        disk_(store),
        name_(std::move(name)),
        make_(std::move(make)),
        input_(topics_.log(topic_, partition_)) {
    start(false);
  }

  bool has_input() const { return next_ < static_cast<int64_t>(topics_.log(topic_, partition_).size()); }
  bool open() const { return open_; }
  const std::string& topic() const { return topic_; }

  void process(int64_t records) {
    const Log& log = topics_.log(topic_, partition_);
    for (; records > 0 && has_input(); --records) {
      open_ = true;
      // A copy, and away again at once: a task that keeps views shows under the sanitizers.
      const Stored stored = log[static_cast<size_t>(next_)];
      task_->process(as_record(stored, next_), outputs_);
      ++next_;
    }
  }

  void commit() {
    if (!open_) return;
    task_->before_commit(outputs_);
    for (PendingOutputs::Item& item : outputs_.take()) {
      emitted_.insert(item.topic);
      item.record.timestamp = next_;
      topics_.log(item.topic, item.partition).push_back(std::move(item.record));
    }
    committed_ = next_;
    open_ = false;
  }

  // Throws away what was not committed. `half_committed`: before_commit had already run.
  // `compacted`: the state topics hold only the last record of each key when they are read back.
  void crash(bool half_committed, bool keep_disk, bool compacted) {
    if (half_committed && open_) task_->before_commit(outputs_);
    outputs_.clear();
    next_ = committed_;
    open_ = false;
    if (!keep_disk) check(store_->wipe());
    start(compacted);
  }

  // `survived`: false when the process dies between writing the file and knowing that it did.
  void checkpoint(bool survived = true) {
    if (open_ || disk_ == nullptr || !store_->dirty()) return;
    std::string positions;
    for (const std::string& topic : task_->state_topics())
      positions += std::to_string(topics_.log(topic, partition_).size()) + " ";
    Store::Checkpoint file(*disk_);
    store_->write(file, positions);
    check(file.ingest());
    if (!survived) {
      start(false);
      return;
    }
    store_->written();
    store_->release_memory();
  }

  int64_t restored_records() const { return restored_; }
  int64_t restored_upto() const { return restored_upto_; }
  int64_t committed() const { return committed_; }
  const VectorInputLog& input() const { return input_; }
  const std::set<std::string>& emitted() const { return emitted_; }  // topics

 private:
  static void check(const Status& status) {
    if (!status.ok()) throw std::runtime_error(status.error().message());
  }

  void start(bool compacted) {
    task_.reset();
    store_ = std::make_unique<TaskStore>(disk_, name_, kMemory);
    task_ = make_(*store_, input_);
    std::vector<size_t> from;
    const std::string meta = store_->meta();
    for (size_t at = 0; at < meta.size();) {
      const size_t end = meta.find(' ', at);
      from.push_back(std::stoull(meta.substr(at, end - at)));
      at = end + 1;
    }
    size_t n = 0;
    restored_ = 0;
    for (const std::string& topic : task_->state_topics()) {
      const Log& log = topics_.log(topic, partition_);
      std::map<std::string, size_t> last;
      if (compacted)
        for (size_t i = 0; i < log.size(); ++i) last[log[i].key] = i;
      const size_t first = n < from.size() ? from[n] : 0;
      ++n;
      if (first > log.size()) throw std::logic_error("the checkpoint is ahead of " + topic);
      for (size_t i = first; i < log.size(); ++i) {
        if (compacted && last[log[i].key] != i) continue;
        const std::string key = log[i].key;
        const std::optional<std::string> value = log[i].value;
        check(task_->restore(topic, key, value ? std::optional<std::string_view>(*value) : std::nullopt));
        ++restored_;
      }
    }
    // Told of state that was committed together with the offset.
    if (task_->restored_upto() > committed_) throw std::logic_error("state of input that was not committed: " + topic_);
    restored_upto_ = task_->restored_upto();
  }

  static constexpr size_t kMemory = 8 << 10;  // small, so that blocks leave and come back

  Topics& topics_;
  std::string topic_;
  int32_t partition_;
  Store* disk_;
  std::string name_;
  Make make_;
  VectorInputLog input_;
  std::unique_ptr<TaskStore> store_;
  std::unique_ptr<Task> task_;
  PendingOutputs outputs_;
  std::set<std::string> emitted_;
  int64_t next_ = 0;
  int64_t committed_ = 0;
  bool open_ = false;
  int64_t restored_ = 0;
  int64_t restored_upto_ = 0;
};

// All tasks of all raw topics of the datasets.
class Pipeline {
 public:
  struct Options {
    Store* store = nullptr;  // shared by many pipelines when the names differ
    std::string name = "test";
    size_t run_memory_bytes = 256u << 20;
  };

  Pipeline(const Datasets& datasets, const Normalizers& normalizers) : Pipeline(datasets, normalizers, Options()) {}
  Pipeline(const Datasets& datasets, const Normalizers& normalizers, const Options& options) {
    std::vector<std::string> raw;
    for (const Dataset& d : datasets.all())
      if (std::find(raw.begin(), raw.end(), d.raw_topic) == raw.end()) raw.push_back(d.raw_topic);
    for (int32_t p = 0; p < Topics::kPartitions; ++p) {
      const std::string place = "/" + std::to_string(p) + "/" + options.name;
      for (const std::string& topic : raw)
        slots_.push_back(std::make_unique<Slot>(topics_, topic, p, options.store, topic + place,
                                                [=, &datasets, &normalizers](TaskStore& s, InputLog& log) {
                                                  EntityTask::Options o;
                                                  o.raw_topic = topic;
                                                  o.partition = p;
                                                  o.run_memory_bytes = options.run_memory_bytes;
                                                  return std::make_unique<EntityTask>(o, datasets, normalizers, s, log);
                                                }));
      slots_.push_back(std::make_unique<Slot>(
          topics_, std::string(topics::kDeltaRollup), p, options.store, "rollup" + place,
          [=, &datasets](TaskStore& s, InputLog&) { return std::make_unique<RollupTask>(p, datasets, s); }));
      slots_.push_back(
          std::make_unique<Slot>(topics_, std::string(topics::kScopeTally), p, options.store, "scope" + place,
                                 [=](TaskStore& s, InputLog&) { return std::make_unique<CoordinatorTask>(p, s); }));
    }
  }

  Topics& topics() { return topics_; }
  std::vector<std::unique_ptr<Slot>>& slots() { return slots_; }

  void append(const std::string& topic, int32_t partition, Stored record) {
    record.timestamp = static_cast<TimeMs>(topics_.log(topic, partition).size());
    topics_.log(topic, partition).push_back(std::move(record));
  }

  // Works until nothing is left to do.
  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& slot : slots_) {
        if (!slot->has_input() && !slot->open()) continue;
        slot->process(INT64_MAX);
        slot->commit();
        busy = true;
      }
    }
  }

  // A few arbitrary things happen to arbitrary tasks. At least one task goes on.
  void disturb(Random& random, int times) {
    std::vector<Slot*> busy;
    for (; times > 0; --times) {
      busy.clear();
      for (auto& slot : slots_)
        if (slot->has_input() || slot->open()) busy.push_back(slot.get());
      if (busy.empty()) return;
      Slot& slot = *busy[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(busy.size()) - 1))];
      const int64_t what = pick(random, 0, 19);
      if (what < 12) slot.process(pick(random, 1, 25));
      if (what >= 10 && what < 16) slot.commit();
      if (what == 16) slot.crash(chance(random, 0.5), true, chance(random, 0.5));
      if (what == 17) slot.crash(chance(random, 0.5), false, chance(random, 0.5));
      if (what >= 18) slot.checkpoint(chance(random, 0.7));
    }
  }

  // Every task dies and comes back.
  void restart(bool keep_disk, bool compacted) {
    for (auto& slot : slots_) slot->crash(false, keep_disk, compacted);
  }

 private:
  Topics topics_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

// Writes runs into a raw topic, as producers do: run("shop/a/order_item/2011-01-05", run).row(..).end().
class RunWriter {
 public:
  RunWriter(Pipeline& pipeline, const Datasets& datasets, const std::string& subject, RunId run,
            std::optional<Guard> guard = std::nullopt, bool accept_empty = false,
            std::optional<PartitionBy> partition = std::nullopt)
      : pipeline_(pipeline), subject_(subject), run_(run) {
    const auto scope = Scope::parse(subject);
    const Dataset* dataset = scope ? datasets.find(scope->dataset) : nullptr;
    if (dataset == nullptr) throw std::logic_error("not a scope of a declared dataset: " + subject);
    dataset_ = dataset->name;
    topic_ = dataset->raw_topic;
    by_key_ = partition.value_or(dataset->partition) == PartitionBy::key;
    begin_ = Begin{run, run.snapshot_ms, by_key_ ? Topics::kPartitions : 1, guard, accept_empty};
  }

  RunWriter& begin() {
    control(RecordKind::begin, encode(begin_, subject_));
    return *this;
  }
  RunWriter& row(const std::string& key, const std::string& json) {
    const int32_t p = partition_of(by_key_ ? key : subject_, Topics::kPartitions);
    add(p, RecordKind::row, key, json);
    ++sent_[static_cast<size_t>(p)];
    ++total_;
    return *this;
  }
  // `lost`: rows the collector counted but that never came, told of the first partition.
  RunWriter& end(const std::string& hash = "", int64_t lost = 0) {
    for (const int32_t p : partitions()) {
      control_at(p, RecordKind::end, encode(End{run_, sent_[static_cast<size_t>(p)] + lost, total_, hash}));
      lost = 0;
    }
    return *this;
  }
  RunWriter& same(int64_t rows, const std::string& hash) {
    Same value{run_, run_.snapshot_ms, rows, hash, begin_.partitions};
    control(RecordKind::same, encode(value));
    return *this;
  }
  RunWriter& verdict(Decision decision, const std::string& by = "user:kim") {
    control(RecordKind::verdict, encode(Verdict{run_, decision, by, "because"}));
    return *this;
  }
  std::vector<int32_t> partitions() const {
    if (!by_key_) return {partition_of(subject_, Topics::kPartitions)};
    std::vector<int32_t> all;
    for (int32_t p = 0; p < Topics::kPartitions; ++p) all.push_back(p);
    return all;
  }
  void control_at(int32_t partition, RecordKind kind, const std::string& value) {
    add(partition, kind, subject_, value);
  }
  int64_t sent_to(int32_t partition) const { return sent_[static_cast<size_t>(partition)]; }
  int64_t total() const { return total_; }
  const Begin& begin_value() const { return begin_; }

 private:
  void control(RecordKind kind, const std::string& value) {
    for (const int32_t p : partitions()) control_at(p, kind, value);
  }
  void add(int32_t partition, RecordKind kind, const std::string& key, const std::string& value) {
    Stored record;
    record.key = key;
    record.value = value;
    record.meta = Stored::Meta{dataset_, kind, subject_, run_.str()};
    pipeline_.append(topic_, partition, std::move(record));
  }

  Pipeline& pipeline_;
  std::string subject_;
  RunId run_;
  std::string dataset_;
  std::string topic_;
  bool by_key_ = false;
  Begin begin_;
  std::array<int64_t, Topics::kPartitions> sent_{};
  int64_t total_ = 0;
};

}  // namespace sujip::testing
