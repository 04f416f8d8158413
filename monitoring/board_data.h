#pragma once
// What the board shows and the metrics count, read from the views of sql/020_monitoring.sql in one
// transaction, so that all parts belong together.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/calendar.h"
#include "core/postgres/connection.h"
#include "core/result.h"

namespace sujip::monitoring {

struct Source {
  std::string name;
  std::string kind;                                    // daily | snapshot
  std::map<std::string, int64_t, std::less<>> states;  // slices by state
  int64_t slices = 0;
  int64_t overdue = 0;
  int64_t rows = 0;
  int64_t accounts_expected = 0;  // of the newest date
  int64_t accounts_collected = 0;
  int64_t held = 0;
  int64_t problems = 0;
  std::optional<TimeMs> last_attempt;
  std::optional<TimeMs> last_success;
  std::optional<Day> complete_through;

  // Worst state of its slices; "failed" also for a problem that has no slice; "pending" when empty.
  std::string_view state() const;
  bool needs_attention() const { return overdue > 0 || held > 0 || problems > 0; }
  bool is_complete() const;
};

struct Slice {
  std::string source, account, dataset, slice, scope, run;
  std::string kind;
  std::string column;  // "2011-01-05", or "2011-01-05 14:30" of a snapshot
  std::optional<Day> date;
  std::string state;
  int64_t rows = 0;
  int64_t restatements = 0;
  int64_t restated_rows = 0;
  std::string reason;
};

struct HeldRun {
  std::string source, account, dataset, slice, scope, run, reason;
  std::optional<TimeMs> snapshot_at;
  int64_t rows = 0, created = 0, updated = 0, deleted = 0, zeroed = 0;
};

struct Problem {
  std::string source, scope, stage, file, state, message, hint;
  std::optional<TimeMs> at;
};

struct DeadLetterLine {
  std::string topic, dataset, scope, reason;
  int64_t partition = 0, offset = 0;
  std::optional<TimeMs> at;
};

struct BoardData {
  TimeMs at = 0;
  std::string version;          // changes when anything shown changes, but for the clock
  std::vector<Source> sources;  // worst first
  std::vector<Slice> slices;
  std::vector<HeldRun> held;
  std::vector<Problem> problems;  // newest first, at most kListed
  int64_t problem_count = 0;
  std::map<std::string, int64_t> dead_letters;  // pending, by topic
  std::vector<DeadLetterLine> newest_dead;

  static constexpr int kListed = 20;
  int64_t dead_letter_count() const;
  const Source* source(std::string_view name) const;
};

// A text that differs when the tables changed; cheap.
Result<std::string> read_fingerprint(pg::Connection& connection);
Result<BoardData> read_board(pg::Connection& connection);

// The log of a slice: its runs and the stages of these.
struct RunLine {
  std::string scope, dataset, run, state, verdict, reason, by;
  std::optional<TimeMs> snapshot_at, decided_at, sunk_at;
  int64_t rows = 0, created = 0, updated = 0, minor = 0, deleted = 0, zeroed = 0, duplicates = 0, rejected = 0,
          same = 0;
};
struct StageLine {
  std::string dataset, run, stage, state, file, message, hint;
  int64_t attempt = 1, rows = 0, bytes = 0, duration_ms = 0;
  std::optional<TimeMs> started_at, at;
};
struct SliceLog {
  std::vector<RunLine> runs;      // newest first
  std::vector<StageLine> stages;  // newest first, at most 200
};
// `run` empty: all runs of the slice.
Result<SliceLog> read_slice_log(pg::Connection& connection, const std::string& source, const std::string& account,
                                const std::string& slice, const std::string& run);

}  // namespace sujip::monitoring
