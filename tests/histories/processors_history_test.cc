// Whatever is collected, in whatever order, however it is cut into transactions and whatever dies on
// the way: in the end the topics say what a few maps and loops say (tests/unit/support/sales.h).

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "processors/topology.h"
#include "tests/unit/support/sales.h"
#include "tests/unit/support/temp_dir.h"

namespace sujip::testing {
namespace {

constexpr TimeMs kNoon = 1294200000000;  // 2011-01-05T04:00:00Z

// What is written about one scope, in order. Scopes are written through one another.
using Script = std::vector<std::function<void()>>;

struct History {
  const Dataset* dataset = nullptr;
  bool spread = false;  // over all partitions
  Pipeline* pipeline = nullptr;
  Oracle* oracle = nullptr;
  Random random;
  int64_t serial = 0;

  // Around the turn of a week, a month, a year.
  Day any_day() { return Day::of(2010, 12, 30) + static_cast<int>(pick(random, 0, 5)); }

  Sale any_row(const Scope& scope) {
    Sale row;
    row.source = scope.source;
    row.account = scope.account;
    if (scope.slice.empty()) {
      if (!chance(random, 0.1)) row.day = any_day();
    } else {
      row.day = Day::parse(scope.slice);
    }
    row.order_no = std::to_string(pick(random, 1, 6));
    row.line = pick(random, 1, 3);
    change(row);
    return row;
  }
  // Anything but the key; now and then only what is minor or volatile.
  void change(Sale& row) {
    row.seen = pick(random, 0, 1000);
    if (chance(random, 0.2)) return;
    row.title = pick(random, 0, 1) == 0 ? "t" : "u";
    if (chance(random, 0.2)) return;
    row.sku = chance(random, 0.1) ? "" : pick(random, 0, 1) == 0 ? "X" : "Y";
    row.quantity.reset();
    row.amount.reset();
    if (!chance(random, 0.1)) row.quantity = pick(random, -3, 5);
    if (!chance(random, 0.2)) row.amount = pick(random, -3, 1) * pick(random, 0, 123456789);
    row.currency = chance(random, 0.8) ? "KRW" : "USD";
    if (dataset->scope.size() == 2 && chance(random, 0.3)) row.day = any_day();
  }
  std::vector<Sale> next_rows(const std::string& subject) {
    const Scope scope = *Scope::parse(subject);
    std::vector<Sale> rows;
    for (const auto& [key, row] : oracle->rows(subject)) {
      if (chance(random, 0.15)) continue;
      rows.push_back(row);
      if (chance(random, 0.3)) change(rows.back());
    }
    for (int64_t n = pick(random, 0, 4); n > 0; --n) rows.push_back(any_row(scope));
    std::shuffle(rows.begin(), rows.end(), random);
    if (!rows.empty() && chance(random, 0.3)) {
      rows.push_back(rows.front());
      change(rows.back());
    }
    return rows;
  }
  RunId next_run() {
    ++serial;
    return {kNoon + serial * 60000, serial};
  }

  void write(const std::string& subject, const Oracle::Run& run, bool begin, bool end, Script& script) {
    auto out = std::make_shared<RunWriter>(*pipeline, sales_datasets(), subject, run.id, run.guard, run.accept_empty,
                                           spread ? PartitionBy::key : PartitionBy::scope);
    const bool by_day = dataset->scope.size() == 3;
    if (begin) script.push_back([=] { out->begin(); });
    for (const Sale& row : run.rows) script.push_back([=] { out->row(row.key_json(by_day), row.json()); });
    for (int64_t n = 0; n < run.bad; ++n)
      script.push_back([=] { out->row("bad" + std::to_string(n), R"({"source":"shop","line":"many"})"); });
    if (end) script.push_back([=] { out->end(run.hash, run.lost); });
  }

  void one_thing(const std::string& subject, Script& script) {
    // What depends on how a spread run was decided waits until it is.
    const auto settle_first = [&] {
      if (spread) script.push_back([this] { pipeline->settle(); });
    };
    Oracle::Run run;
    run.id = next_run();
    run.hash = "hash" + std::to_string(run.id.seq);
    const int64_t what = pick(random, 0, 99);
    if (what < 8) {
      const std::string hash = chance(random, 0.8) ? oracle->hash(subject) : "another";
      const int64_t rows = static_cast<int64_t>(oracle->rows(subject).size());
      auto out = std::make_shared<RunWriter>(*pipeline, sales_datasets(), subject, run.id, std::nullopt, false,
                                             spread ? PartitionBy::key : PartitionBy::scope);
      script.push_back([=] { out->same(rows, hash); });
      oracle->same(subject, run.id, hash);
      return;
    }
    if (what < 20) {
      const auto held = oracle->held(subject);
      if (!held) return;
      settle_first();
      const bool release = what < 14;
      auto out = std::make_shared<RunWriter>(*pipeline, sales_datasets(), subject, *held, std::nullopt, false,
                                             spread ? PartitionBy::key : PartitionBy::scope);
      script.push_back([=] { out->verdict(release ? Decision::release : Decision::reject); });
      release ? oracle->release(subject) : oracle->reject(subject);
      return;
    }
    if (what < 28 && !spread && dataset->plain) {
      const Sale row = any_row(*Scope::parse(subject));
      script.push_back([=, this] {
        Stored record;
        record.key = subject;
        record.value = row.json();
        pipeline->append(dataset->raw_topic, partition_of(subject, Topics::kPartitions), record);
      });
      oracle->upsert(subject, row);
      return;
    }
    if (what < 33) {  // an old one, whole or again
      if (oracle->accepted(subject).empty()) return;
      settle_first();
      run.id = oracle->accepted(subject);
      if (chance(random, 0.5)) run.id.snapshot_ms -= 3600 * 1000;
      run.rows = next_rows(subject);
      write(subject, run, true, true, script);
      if (run.id != oracle->accepted(subject)) oracle->whole(subject, run);
      return;
    }
    run.rows = next_rows(subject);
    if (what < 40) run.rows.clear();
    if (what < 36) run.accept_empty = true;
    if (what >= 40 && what < 50) run.bad = pick(random, 1, 12);
    if (what >= 50 && what < 55) run.lost = 1;
    if (chance(random, 0.5)) run.guard = Guard{0.4, 0.4, 3};
    if (what >= 55 && what < 62) {
      write(subject, run, true, false, script);
      oracle->open(subject, run.id, run.bad);
      return;
    }
    write(subject, run, true, true, script);
    oracle->whole(subject, run);
  }

  void play(std::vector<Script> scripts, bool disturb) {
    std::vector<size_t> at(scripts.size());
    for (;;) {
      std::vector<size_t> left;
      for (size_t i = 0; i < scripts.size(); ++i)
        if (at[i] < scripts[i].size()) left.push_back(i);
      if (left.empty()) break;
      const size_t i = left[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(left.size()) - 1))];
      // Rows of a run mostly come together.
      for (int64_t n = pick(random, 1, 12); n > 0 && at[i] < scripts[i].size(); --n) scripts[i][at[i]++]();
      if (disturb && chance(random, 0.4)) pipeline->disturb(random, 6);
    }
    if (disturb) pipeline->disturb(random, 60);
    pipeline->settle();
  }
};

Store& shared_store() {
  static const TempDir dir;
  static const std::unique_ptr<Store> store = [] {
    auto opened = Store::open(dir.path(), "cluster");
    if (!opened) throw std::runtime_error(opened.error().message());
    return *std::move(opened);
  }();
  return *store;
}

struct Case {
  const char* dataset;
  bool spread = false;
  bool disturb = true;
  bool disk = false;
  size_t run_memory_bytes = 256u << 20;
  bool again = false;  // the raw log is then read again by processors that know nothing
};

std::string show(const std::map<std::string, Outcome>& outcomes) {
  std::string out;
  for (const auto& [key, outcome] : outcomes) out += key + " " + std::string(name_of(outcome)) + "\n";
  return out;
}

// How often each outcome came up: a property that never meets a case says nothing about it.
std::map<Outcome, int>& seen() {
  static std::map<Outcome, int> counts;
  return counts;
}

// How many rows counted, as-is, under what another row says.
int64_t& moved() {
  static int64_t count = 0;
  return count;
}

// A stage writes no topic that the topology does not tell of.
void check_outputs(Pipeline& pipeline) {
  for (const Stage& stage : build_topology(sales_datasets(), sales_normalizers(), 1))
    for (const auto& slot : pipeline.slots()) {
      if (std::find(stage.inputs.begin(), stage.inputs.end(), slot->topic()) == stage.inputs.end()) continue;
      for (const std::string& topic : slot->emitted())
        ASSERT_TRUE(topic == topics::kDeadLetter ||
                    std::find(stage.outputs.begin(), stage.outputs.end(), topic) != stage.outputs.end())
            << stage.name << " wrote " << topic;
    }
}

// Everything that is said of runs, without times: scope.run as it stands, and the last line of each run in
// the run log.
std::map<std::string, std::string> told_of_runs(Topics& topics) {
  std::map<std::string, std::string> out;
  for (const auto& [key, run] : fold_runs(topics)) out[key] = encode(run);
  for (const Log& log : topics.all(std::string(topics::kRunLog)))
    for (const Stored& record : log) {
      const std::string& line = *record.value;  // {"run":"R",...,"ts_ms":
      out["log " + record.key + line.substr(0, line.find(','))] = line.substr(0, line.find(",\"ts_ms\""));
    }
  return out;
}

size_t dead_letters(Topics& topics) {
  size_t out = 0;
  for (const Log& log : topics.all(std::string(topics::kDeadLetter))) out += log.size();
  return out;
}

// A restored raw log: verdicts are in it, and partitions are read at any pace. Twice, because the first
// reading may add verdicts.
void check_again(const Case& c, Pipeline& first, Random& random) {
  const Dataset& dataset = *sales_datasets().find(c.dataset);
  std::map<std::string, std::string> table;
  ASSERT_EQ(fold_changes(first.topics(), dataset, table), "");
  Topics* raw = &first.topics();
  std::vector<std::unique_ptr<Pipeline>> readers;
  for (int n = 0; n < 2; ++n) {
    readers.push_back(std::make_unique<Pipeline>(sales_datasets(), sales_normalizers()));
    Pipeline& reader = *readers.back();
    for (int32_t p = 0; p < Topics::kPartitions; ++p)
      reader.topics().log(dataset.raw_topic, p) = raw->log(dataset.raw_topic, p);
    if (c.disturb) reader.disturb(random, 300);
    reader.settle();
    std::map<std::string, std::string> same;
    ASSERT_EQ(fold_changes(reader.topics(), dataset, same), "");
    ASSERT_EQ(same, table);
    ASSERT_EQ(fold_rollups(reader.topics(), dataset), fold_rollups(first.topics(), dataset));
    ASSERT_EQ(told_of_runs(reader.topics()), told_of_runs(first.topics()));
    ASSERT_EQ(dead_letters(reader.topics()), dead_letters(first.topics()));
    raw = &reader.topics();
  }
}

// `seed` decides what is written, `play` how it is processed.
void check_history(const Case& c, uint64_t seed, uint64_t play, std::map<std::string, std::string>* tables = nullptr) {
  SCOPED_TRACE(std::string(c.dataset) + (c.spread ? " spread" : "") + ", seed " + std::to_string(seed));
  static int names = 0;
  Pipeline::Options options;
  options.store = c.disk ? &shared_store() : nullptr;
  options.name = std::to_string(names++);
  options.run_memory_bytes = c.run_memory_bytes;
  Pipeline pipeline(sales_datasets(), sales_normalizers(), options);
  const Dataset& dataset = *sales_datasets().find(c.dataset);
  const bool by_day = dataset.scope.size() == 3;
  Oracle oracle(by_day);
  History history{&dataset, c.spread, &pipeline, &oracle, Random(seed), 0};
  std::vector<Script> scripts;
  for (const std::string scope : {"shop/a", "shop/b", "mall/a"})
    for (const char* day : {"/2010-12-31", "/2011-01-03"}) {
      if (!by_day && day[1] == '2' && day[4] == '1') continue;  // once
      scripts.emplace_back();
      const std::string subject = scope + "/" + c.dataset + (by_day ? day : "");
      for (int n = 0; n < 7; ++n) history.one_thing(subject, scripts.back());
    }
  history.random.seed(play);
  history.play(std::move(scripts), c.disturb);

  std::map<std::string, std::string> table;
  ASSERT_EQ(fold_changes(pipeline.topics(), dataset, table), "");
  ASSERT_EQ(table, oracle.table());
  const auto rollups = fold_rollups(pipeline.topics(), dataset);
  ASSERT_EQ(rollups, oracle.rollups());
  std::map<std::string, Outcome> outcomes;
  for (const auto& [key, run] : fold_runs(pipeline.topics())) outcomes[key] = run.outcome;
  ASSERT_EQ(show(outcomes), show(oracle.outcomes()));
  for (const auto& [key, outcome] : outcomes) ++seen()[outcome];
  moved() += oracle.moved();
  ASSERT_EQ(static_cast<int64_t>(dead_letters(pipeline.topics())), oracle.dead_letters());
  check_outputs(pipeline);
  if (c.again) check_again(c, pipeline, history.random);
  if (::testing::Test::HasFatalFailure()) return;
  if (tables != nullptr) {
    tables->insert(table.begin(), table.end());
    tables->insert(rollups.begin(), rollups.end());
  }
}

// A sanitizer looks at every access, whatever the story: a third of the histories has them all.
#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kShare = 3;
#else
constexpr uint64_t kShare = 1;
#endif

void check_all(const Case& c, uint64_t first, uint64_t count) {
  count = std::max(count / kShare, std::min(count, uint64_t{40}));
  seen().clear();
  moved() = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    check_history(c, seed, seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
  for (const Outcome o : {Outcome::accepted, Outcome::held, Outcome::released, Outcome::rejected, Outcome::overtaken,
                          Outcome::old, Outcome::incomplete, Outcome::partial, Outcome::same})
    EXPECT_GT(seen()[o], 5 / static_cast<int>(kShare)) << name_of(o);
  EXPECT_GT(moved(), static_cast<int64_t>(count));
}

TEST(History, UndisturbedRunsOfADay) { check_all({"sale", false, false}, 1, 100); }

TEST(History, AnyCommitsAndCrashesWithoutLocalState) { check_all({"sale"}, 1000, 300); }

TEST(HistoryOnDisk, AnyCommitsAndCrashes) { check_all({"sale", false, true, true}, 2000, 120); }

TEST(History, RunsLargerThanMemoryAreReadAgain) { check_all({"sale", false, true, false, 300}, 3000, 100); }

TEST(History, WholeCataloguesInOnePartitionMoveRowsBetweenDays) { check_all({"listing"}, 4000, 200); }

TEST(History, SpreadOverAllPartitions) { check_all({"listing", true, false}, 5000, 100); }

TEST(History, SpreadAnyCommitsAndCrashes) { check_all({"listing", true}, 6000, 250); }

TEST(HistoryOnDisk, SpreadAnyCommitsAndCrashes) { check_all({"listing", true, true, true}, 7000, 80); }

TEST(History, ReadAgainFromTheRawLog) { check_all({"sale", false, true, false, 256u << 20, true}, 8500, 60); }

TEST(History, SpreadReadAgainPartitionByPartition) {
  check_all({"listing", true, false, false, 256u << 20, true}, 8600, 80);
}

TEST(History, SpreadReadAgainAtAnyPace) { check_all({"listing", true, true, false, 256u << 20, true}, 8700, 120); }

TEST(History, SpreadLargerThanMemory) { check_all({"listing", true, true, false, 300}, 8000, 80); }

// The same input cut into transactions differently: the same tables.
TEST(History, TransactionsLeaveNoTrace) {
  for (uint64_t seed = 1; seed <= 60 / kShare; ++seed) {
    const Case kinds[] = {{"sale"}, {"listing", true}};
    Case c = kinds[seed % 2];
    std::map<std::string, std::string> first;
    for (uint64_t play = 0; play < 4; ++play) {
      c.disturb = play > 0;
      std::map<std::string, std::string> tables;
      check_history(c, seed, seed * 10 + play, &tables);
      if (HasFatalFailure()) return;
      if (play == 0) first = tables;
      ASSERT_EQ(first, tables) << seed;
    }
  }
}

}  // namespace
}  // namespace sujip::testing
