#pragma once
// A generation: everything that is made from the raw topics once, from the first record on. Several may
// stand beside each other, each with topics, groups, local state and tables of its own; readers see the
// tables of the live one. See docs/generations.md.
//
// Generation 1 has the plain names. Of generation N change.product is called g<N>.change.product, the
// groups sujip-g<N>-entity, the tables lie in the schema sujip_g<N>. Raw topics belong to all.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/calendar.h"
#include "topics/dataset.h"
#include "topics/scope.h"

namespace sujip::topics {

// Made from raw topics, and so once per generation (names as in the catalogue). run.log is one of them:
// that of generation 1 also takes what collectors say.
bool is_derived(std::string_view name);

// "g2.change.product" -> "change.product"; any other name as it is.
std::string_view without_generation(std::string_view name);

// How things are called in one generation.
class Names {
 public:
  // Implicit: a prefix alone means generation 1.
  Names(std::string prefix = "", int generation = 1);        // NOLINT
  Names(const char* prefix) : Names(std::string(prefix)) {}  // NOLINT

  std::string topic(std::string_view name) const;   // as Kafka knows it
  std::string plain(std::string_view topic) const;  // as the catalogue has it
  std::string label(std::string_view name) const;   // for people and metrics: "g2.raw.order", "g2.entity"
  std::string group(std::string_view what) const;   // of consumers, transactions and sinks
  std::string schema() const;                       // of the tables
  std::string folder(std::string_view role) const;  // begins the name of a folder of local state
  const std::string& prefix() const { return prefix_; }
  int generation() const { return generation_; }

 private:
  std::string prefix_;
  int generation_;
  std::string infix_;  // "g2."; "" for the first
};

enum class GenerationState : uint8_t {
  building,  // `sujip replay` works on it
  ready,     // caught up; the roles keep it in step
  live,      // some or all of its tables are those that readers see
  former,    // was live; kept in step, so that swapping back is as easy
  dropping,  // `sujip generation drop` works on it
  dropped,
};
std::string_view name_of(GenerationState state);
std::optional<GenerationState> parse_generation_state(std::string_view name);
// The roles run it.
bool is_kept_in_step(GenerationState state);

struct Generation {
  int number = 1;
  GenerationState state = GenerationState::live;
  std::vector<std::string> datasets;    // sorted; empty: all
  std::optional<Day> from, to;          // of the scopes it holds, both included
  std::string mapping;                  // text of a mapping.yaml that stands in for the source's own
  std::string mapping_file;             // its name, for messages
  std::string created, ready, swapped;  // times, for people

  bool has(std::string_view dataset) const;
  // All of its datasets, as the declarations have them.
  Datasets of(const Datasets& all) const;
};

// Which generation is live, by dataset; "" stands for those that are not named.
using LiveGenerations = std::map<std::string, int, std::less<>>;
int live_generation(const LiveGenerations& live, std::string_view dataset);

// The answer of the database, shared with the threads of one generation.
class Liveness {
 public:
  // Until it is told otherwise the first generation is live.
  explicit Liveness(int generation) : generation_(generation) { live_[""] = 1; }
  void tell(const LiveGenerations& live);
  bool is_live(std::string_view dataset) const;
  bool any() const;
  // Writes verdicts into raw topics: live, or it was a few seconds ago. So a swap never leaves a moment
  // in which no generation decides.
  bool decides(std::string_view dataset) const;

 private:
  const int generation_;
  mutable std::mutex mutex_;
  LiveGenerations live_;
  LiveGenerations before_;
  TimeMs told_at_ = 0;
};

// Which raw records a generation folds.
struct Selection {
  std::set<std::string, std::less<>> datasets;  // empty: all
  std::optional<Day> from, to;

  explicit Selection(const Generation& generation);
  Selection() = default;
  bool everything() const { return datasets.empty() && !from && !to; }
  bool takes_dataset(std::string_view dataset) const { return datasets.empty() || datasets.contains(dataset); }
  bool takes_day(Day day) const { return (!from || !(day < *from)) && (!to || !(*to < day)); }
  // The date of a scope is its slice, where that is a date; otherwise the day of the snapshot in Seoul.
  bool takes(const Scope& scope, TimeMs snapshot_at) const;
};

}  // namespace sujip::topics
