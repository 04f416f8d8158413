#include "archive/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace sujip::archive {
namespace {

namespace fs = std::filesystem;

void find_left_behind(const PartitionArchive& partition, Verified& out) {
  std::set<std::string> known;
  for (const Segment& s : partition.segments) known.insert(s.file);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(partition.folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kPart) || (name.ends_with(".seg") && !known.contains(name)))
      out.left_behind.push_back(entry.path().string());
  }
  std::sort(out.left_behind.begin(), out.left_behind.end());
}

}  // namespace

Result<Verified> verify(const std::string& dir, const std::vector<std::string>& topics, const std::stop_token& stop,
                        const std::function<void(const Verified&, const std::string&)>& progress) {
  SUJIP_TRY(const Identity identity, read_identity(dir));
  if (identity.id.empty()) return Error{"there is no archive", dir, "name the folder that `sujip archive` wrote"};
  Verified out;
  SUJIP_TRY(const auto names, archived_topics(dir, topics));
  for (const std::string& topic : names) {
    const auto read = read_topic(dir, topic);
    if (!read.ok()) {
      out.damage.push_back(read.error());
      continue;
    }
    const auto& partitions = *read;
    for (size_t p = 0; p < partitions.size(); ++p) {
      find_left_behind(partitions[p], out);
      for (const Segment& segment : partitions[p].segments) {
        if (stop.stop_requested()) {
          out.stopped = true;
          return out;
        }
        if (progress) progress(out, partitions[p].folder + "/" + segment.file);
        const Status whole = read_segment(partitions[p].folder, topic, static_cast<int32_t>(p), segment,
                                          [](const ArchivedRecord&) { return Status(); });
        if (!whole.ok()) out.damage.push_back(whole.error());
        ++out.segments;
        out.records += segment.records;
        out.bytes += segment.bytes;
      }
    }
  }
  return out;
}

}  // namespace sujip::archive
