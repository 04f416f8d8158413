#pragma once
// Segments into empty topics: the same partitions, keys, values, headers and times; offsets may differ.
// Exactly once: see restored.h. Killed at any moment and started again, it goes on.

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "archive/restored.h"
#include "core/settings.h"

namespace sujip::archive {

struct RestoreStep {
  std::string topic;  // without prefix
  int32_t partition = 0;
  PartitionArchive archive;
  int64_t total = 0;   // records in the archive
  int64_t before = 0;  // of them, restored before
};

struct RestorePlan {
  Identity identity;
  std::vector<RestoreStep> steps;
  std::vector<Error> refused;  // why it can't be done as things are: a person has to look
  int64_t total() const;
  int64_t before() const;
};

struct Restored {
  int64_t records = 0;  // by this call
  int64_t bytes = 0;    // keys and values
  bool stopped = false;
  std::string at;
};

// Looks only.
Result<RestorePlan> plan_restore(const Settings& settings, const std::string& dir,
                                 const std::vector<std::string>& topics);

struct RestoreOptions {
  std::string dir;
  std::vector<std::string> topics;      // empty: all of the archive
  int64_t transaction_records = 50000;  // at most, and at most 16 MiB
};

// The plan is made again inside, when nobody else can restore any more; its refusals are errors here.
Result<Restored> restore(const Settings& settings, const RestoreOptions& options, const std::stop_token& stop,
                         const std::function<void(const RestorePlan&, const Restored&)>& progress);

}  // namespace sujip::archive
