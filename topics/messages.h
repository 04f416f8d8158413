#pragma once
// The control records and reports that travel between rooms, as values with their JSON form.
// Encoding never fails; decoding says what is wrong.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/calendar.h"
#include "core/result.h"
#include "topics/dataset.h"
#include "topics/scope.h"

namespace sujip {

// raw.*: a run begins; `partitions` = over how many partitions of the topic it is spread (1 or all).
struct Begin {
  RunId run;
  TimeMs snapshot_at = 0;
  int partitions = 1;
  std::optional<Guard> guard;
  bool accept_empty = false;  // an empty snapshot is proven right; otherwise it is held
};
// raw.*: a run is whole; `rows` in this partition, `total` in the run.
struct End {
  RunId run;
  int64_t rows = 0;
  int64_t total = 0;
  std::string hash;  // content hash of the whole run; "" when not known
};
// raw.*: the run `run` says byte for byte what the last accepted one said.
struct Same {
  RunId run;
  TimeMs snapshot_at = 0;
  int64_t rows = 0;
  std::string hash;
  int partitions = 1;  // as in Begin
};
enum class Decision : uint8_t {
  accept,
  accept_partial,  // rows were lost to dead.letter somewhere: create and update, delete nothing
  hold,
  reject,
  release,
};
inline constexpr std::string_view kByCoordinator = "coordinator";
// raw.*: what to do with a run that waits.
struct Verdict {
  RunId run;
  Decision decision = Decision::accept;
  std::string by;  // kByCoordinator or "user:<name>"
  std::string reason;
};

std::string encode(const Begin& value, std::string_view subject);
std::string encode(const End& value);
std::string encode(const Same& value);
std::string encode(const Verdict& value);
Result<Begin> decode_begin(std::string_view json);
Result<End> decode_end(std::string_view json);
Result<Same> decode_same(std::string_view json);
Result<Verdict> decode_verdict(std::string_view json);

// What a run did, or would do, to the rows of a scope (in one partition or in all).
struct Counts {
  int64_t rows = 0;        // rows sent, duplicates included
  int64_t duplicates = 0;  // rows whose key came again later in the run
  int64_t rejected = 0;    // rows that went to dead.letter
  int64_t created = 0;
  int64_t updated = 0;  // without the minor ones
  int64_t minor = 0;    // only fields declared minor changed
  int64_t deleted = 0;
  int64_t zeroed = 0;  // guarded values that vanished (part of updated)
  int64_t same = 0;
  int64_t before = 0;  // rows of the scope before the run

  Counts& operator+=(const Counts& other);
  friend bool operator==(const Counts&, const Counts&) = default;
};

enum class Outcome : uint8_t {
  pending,  // waits for the tallies of other partitions
  accepted,
  held,        // waits for a person
  released,    // a person let a held run through
  rejected,    // a person, or the coordinator, threw it away
  overtaken,   // held, then a newer run was accepted
  old,         // older than the accepted run; ignored
  incomplete,  // rows missing or too many; thrown away
  partial,     // rows went to dead.letter: created and updated applied, nothing deleted
  same,        // said the same as the accepted run
};
std::string_view name_of(Outcome outcome);
std::optional<Outcome> parse_outcome(std::string_view name);

// scope.tally: what one partition says about one run.
struct Tally {
  std::string subject;
  RunId run;
  std::string topic;  // raw topic
  int32_t partition = 0;
  int partitions = 1;
  Outcome outcome = Outcome::pending;  // pending: the coordinator decides
  Counts counts;
  std::optional<Guard> guard;
  bool accept_empty = false;
  std::string reason;
  std::string by;
  // The partition has read the coordinator's verdict and done what it says: `outcome` and `reason` are
  // those of the verdict, `counts` is empty.
  bool followed = false;
};
std::string encode(const Tally& value);
Result<Tally> decode_tally(std::string_view json);

// scope.run: a run over all its partitions; the last record of a key counts. Becomes change_log.
struct ScopeRun {
  Scope scope;
  RunId run;
  std::string topic;
  int partitions = 1;
  std::map<int32_t, Tally> tallies;  // by partition; subject and run are those of the key
  Outcome outcome = Outcome::pending;
  std::string reason;
  std::string by;

  std::string key() const { return scope.subject() + "\n" + run.str(); }
  Counts counts() const;
};
std::string encode(const ScopeRun& value);
Result<ScopeRun> decode_scope_run(std::string_view json);

// run.log: one stage of one run.
struct RunLog {
  Scope scope;
  std::string run;    // "" when no run was begun
  std::string stage;  // collect | process | sink
  int attempt = 1;
  std::string state;  // started | finished | failed | refused | skipped
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string message;
  std::string hint;
  std::string error_class;
  std::string file;
  TimeMs ts_ms = 0;
  TimeMs started_at = 0;
  int64_t duration_ms = 0;
};
std::string encode(const RunLog& value);

// dead.letter: a record that could not be used, with its bytes.
struct DeadLetter {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string scope, run, dataset;
  std::string stage;  // process | sink
  std::string reason;
  std::string_view key;
  std::string_view value;
  std::vector<std::pair<std::string, std::string>> headers;
  TimeMs ts_ms = 0;

  std::string record_key() const;  // topic-partition-offset
};
std::string encode(const DeadLetter& value);

std::string base64(std::string_view bytes);

}  // namespace sujip
