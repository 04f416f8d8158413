#pragma once
// What an archive holds.
//
//   <dir>/archive.json                     whose it is: id, cluster, prefix
//   <dir>/<topic>/topic.json               how many partitions the topic has
//   <dir>/<topic>/<partition>/             a folder for each of them, also when nothing is in it
//   <dir>/<topic>/<partition>/<offset>.seg        segments, named by their first offset
//   <dir>/<topic>/<partition>/manifest.jsonl      a line per segment, in order
//
// A segment counts when its line is there: it is written after the file is durable, so a kill in between
// leaves a file that the next archive writes again. Each line ends with a checksum of itself; a last line
// without its end was being written and does not count.

#include <map>
#include <string>
#include <vector>

#include "archive/segment.h"
#include "core/result.h"

namespace sujip::archive {

struct Identity {
  std::string id;       // of the archive, random
  std::string cluster;  // of the Kafka that was archived
  std::string prefix;   // its topics had
};

struct PartitionArchive {
  std::string folder;
  std::vector<Segment> segments;
  bool torn = false;  // a last line was being written

  int64_t records() const;
  int64_t bytes() const;
  // Where the next segment begins to read; -1 when there is none yet.
  int64_t next() const { return segments.empty() ? -1 : segments.back().next; }
};

// topic (without prefix) -> its partitions 0..n-1.
using Contents = std::map<std::string, std::vector<PartitionArchive>>;

std::string partition_folder(const std::string& dir, const std::string& topic, int32_t partition);

// An empty id when there is no archive in the folder.
Result<Identity> read_identity(const std::string& dir);
Status write_identity(const std::string& dir, const Identity& identity);

// The line of a segment, without the newline.
std::string manifest_line(const Segment& segment);
// Reads a partition's manifest; a folder without one holds nothing. Errors name file and line.
Result<PartitionArchive> read_partition(const std::string& folder);
// Puts a segment behind the others. Durable when it returns.
Status add_segment(PartitionArchive& partition, const Segment& segment);

// Makes the folders of a topic, once.
Status write_topic(const std::string& dir, const std::string& topic, int32_t partitions);
Result<std::vector<PartitionArchive>> read_topic(const std::string& dir, const std::string& topic);
// The topics of an archive, sorted, or those asked for; an error when one of them is not in it.
Result<std::vector<std::string>> archived_topics(const std::string& dir, const std::vector<std::string>& topics);
// All of them with their partitions.
Result<Contents> read_contents(const std::string& dir, const std::vector<std::string>& topics);

}  // namespace sujip::archive
