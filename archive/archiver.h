#pragma once
// Topics into segments: what is new since the last time. Reads committed records only, so that aborted
// ones are left out.

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "core/settings.h"

namespace sujip::archive {

struct ArchiveOptions {
  std::string dir;
  std::vector<std::string> topics;     // without prefix
  int64_t segment_bytes = 64LL << 20;  // unpacked; a segment is closed when it has more
};

// What is to be done of one partition.
struct ArchiveStep {
  std::string topic;  // without prefix
  int32_t partition = 0;
  int32_t partitions = 0;  // of the topic
  PartitionArchive archive;
  int64_t from = 0;
  int64_t to = 0;  // the last stable end when the plan was made, the same moment for all partitions
};

struct ArchivePlan {
  Identity identity;  // id empty: the archive is to be made
  std::vector<ArchiveStep> steps;
  int64_t offsets() const;  // to read; the records are at most as many
};

struct Archived {
  int64_t records = 0;
  int64_t offsets = 0;
  int64_t segments = 0;
  int64_t bytes = 0;
  bool stopped = false;  // by the token; what was read until then is in the archive
  std::string at;        // topic/partition, for the progress line
};

// Looks only. An error says why the archive can't be continued from this Kafka.
Result<ArchivePlan> plan_archive(const Settings& settings, const ArchiveOptions& options);

// Holds the folder's lock while it works.
Result<Archived> write_archive(const Settings& settings, const ArchiveOptions& options, const std::stop_token& stop,
                               const std::function<void(const ArchivePlan&, const Archived&)>& progress);

}  // namespace sujip::archive
