#pragma once
// What a task remembers of a scope besides its rows. Lives in the store and, as the scope's record, in
// scope.<dataset>.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "topics/messages.h"
#include "topics/scope.h"

namespace sujip {

// A run whose rows are not in the state yet; they are in the raw topic from `begin_offset` on.
struct PendingRun {
  RunId run;
  int64_t begin_offset = 0;
  bool waiting = false;  // told the coordinator, its verdict is to come
  friend bool operator==(const PendingRun&, const PendingRun&) = default;
};

struct HeldRun {
  RunId run;
  int64_t begin_offset = 0;
  int64_t end_offset = 0;
  int partitions = 1;
  friend bool operator==(const HeldRun&, const HeldRun&) = default;
};

struct ScopeState {
  RunId accepted;    // newest accepted run; empty() when there is none
  int64_t rows = 0;  // rows sent by it to this partition
  std::string hash;  // its content hash
  std::optional<HeldRun> held;
  std::vector<PendingRun> pending;

  std::string encode(std::string_view subject) const;
  static Result<ScopeState> decode(std::string_view json);
  friend bool operator==(const ScopeState&, const ScopeState&) = default;
};

}  // namespace sujip
