// The entity and rollup tasks over the rows of the streams benchmark, without Kafka: what the folding
// itself costs. Reads "key<TAB>value" lines (see tests/bench/streams.py for how they are made).
//
//   entity_bench EVENTS.jsonl DECLARATIONS [ROWS]       prints one JSON line

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "processors/entity/entity_task.h"
#include "processors/normalize/normalizers.h"
#include "processors/rollup/rollup_task.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

class NoLog : public InputLog {
 public:
  Status read(int64_t, int64_t, const std::function<void(const Record&)>&) override { return {}; }
};

// Keeps deltas for the rollup task, counts the rest.
class Sink : public Outputs {
 public:
  void emit(std::string_view topic, int32_t, std::string_view key, std::optional<std::string_view> value) override {
    ++records;
    bytes += static_cast<int64_t>(key.size() + (value ? value->size() : 0));
    if (topic == topics::kDeltaRollup) deltas.emplace_back(key, *value);
  }
  void emit_control(std::string_view, int32_t, const Scope&, const RunId&, RecordKind, std::string_view) override {}
  void dead_letter(const Record&, std::string_view, std::string_view, std::string_view,
                   std::string_view reason) override {
    throw std::runtime_error(std::string(reason));
  }
  int64_t records = 0;
  int64_t bytes = 0;
  std::vector<std::pair<std::string, std::string>> deltas;
};

int run(const std::string& events, const std::string& declarations, int64_t limit) {
  constexpr int64_t kPerCommit = 200000;
  constexpr int64_t kPerCheckpoint = 3 * kPerCommit;
  auto datasets = Datasets::load(declarations);
  if (!datasets.ok()) {
    fmt::print(stderr, "{}\n", datasets.error().message());
    return 1;
  }
  const MappingSet mappings(*datasets);
  char folder[] = "/tmp/entity-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  auto store = Store::open(folder, "bench");
  if (!store.ok()) return 1;
  const auto budget = std::make_shared<MemoryBudget>(192u << 20);
  TaskStore entity_rows(store->get(), "entity", budget);
  TaskStore rollup_rows(store->get(), "rollup", budget);
  NoLog log;
  EntityTask::Options options;
  options.raw_topic = datasets->all().front().raw_topic;
  EntityTask entity(options, *datasets, mappings, entity_rows, log);
  RollupTask rollup(0, *datasets, rollup_rows);
  std::ifstream in(events);
  std::string line;
  Sink out;
  int64_t rows = 0;
  int64_t deltas = 0;
  double reading = 0;
  const double began = cpu_seconds();
  double rollup_cpu = 0;
  double checkpoint_cpu = 0;
  std::vector<std::string> batch;
  bool more = true;
  while (more && rows < limit) {
    const double before_read = cpu_seconds();
    batch.clear();
    while (batch.size() < static_cast<size_t>(kPerCommit) && (more = static_cast<bool>(std::getline(in, line))))
      batch.push_back(line);
    reading += cpu_seconds() - before_read;
    for (const std::string& one : batch) {
      Record record;
      const size_t tab = one.find('\t');
      record.offset = rows++;
      record.timestamp = 1700000000000 + rows / 100;
      record.key = std::string_view(one).substr(0, tab);
      record.value = std::string_view(one).substr(tab + 1);
      entity.process(record, out);
    }
    entity.before_commit(out);
    const double before = cpu_seconds();
    for (const auto& [key, value] : out.deltas) {
      Record record;
      record.offset = deltas++;
      record.key = key;
      record.value = value;
      rollup.process(record, out);
    }
    rollup.before_commit(out);
    out.deltas.clear();
    rollup_cpu += cpu_seconds() - before;
    entity_rows.release_memory();
    rollup_rows.release_memory();
    if (rows % kPerCheckpoint != 0) continue;
    const double start = cpu_seconds();
    for (TaskStore* task : {&entity_rows, &rollup_rows}) {
      Store::Checkpoint file(**store);
      task->write(file, "");
      if (!file.ingest().ok()) return 1;
      task->written();
    }
    checkpoint_cpu += cpu_seconds() - start;
  }
  const double all = cpu_seconds() - began - reading;
  const double per = 1e6 / static_cast<double>(rows);
  fmt::print(
      R"({{"rows":{},"cpu_per_million":{:.2f},"rollup":{:.2f},"checkpoint":{:.2f},"records":{},"bytes_per_row":{}}})"
      "\n",
      rows, all * per, rollup_cpu * per, checkpoint_cpu * per, out.records, out.bytes / rows);
  store->reset();
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace sujip

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: entity_bench EVENTS.jsonl DECLARATIONS [ROWS]\n");
    return 2;
  }
  return sujip::run(argv[1], argv[2], argc > 3 ? std::atoll(argv[3]) : INT64_MAX);
}
