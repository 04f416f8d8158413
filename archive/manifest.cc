#include "archive/manifest.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>

#include "core/json_text.h"

namespace sujip::archive {
namespace {

namespace fs = std::filesystem;
using simdjson::dom::element;

constexpr int64_t kFormat = 1;
constexpr std::string_view kIdentityFile = "archive.json";
constexpr std::string_view kTopicFile = "topic.json";
constexpr std::string_view kManifestFile = "manifest.jsonl";
constexpr std::string_view kLineName = ",\"line\":\"";

std::string line_checksum(std::string_view body) {
  return fmt::format("{:016x}", XXH3_64bits(body.data(), body.size()));
}

std::string manifest_file(const std::string& folder) { return folder + "/" + std::string(kManifestFile); }

bool parse_line(std::string_view line, Segment& out) {
  const size_t at = line.rfind(kLineName);
  if (at == line.npos || line.substr(at + kLineName.size()) != line_checksum(line.substr(0, at)) + "\"}") return false;
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(simdjson::padded_string(line)).get(root)) return false;
  const auto number = [&](const char* name, int64_t& value) { return !root[name].get(value); };
  const auto text = [&](const char* name, std::string& value) {
    std::string_view found;
    if (root[name].get(found)) return false;
    value = found;
    return true;
  };
  return text("file", out.file) && number("from", out.from) && number("first", out.first) && number("last", out.last) &&
         number("next", out.next) && number("records", out.records) && number("bytes", out.bytes) &&
         number("raw_bytes", out.raw_bytes) && text("xxh3", out.checksum) && text("tail", out.tail) &&
         number("from_ms", out.from_ms) && number("to_ms", out.to_ms);
}

}  // namespace

int64_t PartitionArchive::records() const {
  int64_t sum = 0;
  for (const Segment& s : segments) sum += s.records;
  return sum;
}

int64_t PartitionArchive::bytes() const {
  int64_t sum = 0;
  for (const Segment& s : segments) sum += s.bytes;
  return sum;
}

std::string partition_folder(const std::string& dir, const std::string& topic, int32_t partition) {
  return fmt::format("{}/{}/{}", dir, topic, partition);
}

Result<Identity> read_identity(const std::string& dir) {
  const std::string path = dir + "/" + std::string(kIdentityFile);
  std::error_code error;
  if (!fs::exists(path, error)) return Identity{};
  SUJIP_TRY(const std::string text, read_file(path));
  simdjson::dom::parser parser;
  element root;
  int64_t format = 0;
  std::string_view id;
  std::string_view cluster;
  std::string_view prefix;
  if (parser.parse(simdjson::padded_string(text)).get(root) || root["format"].get(format) || root["id"].get(id) ||
      root["cluster"].get(cluster) || root["prefix"].get(prefix))
    return Error{"not the head of an archive", path, "is this the folder that `sujip archive` wrote?"};
  if (format != kFormat)
    return Error{fmt::format("format {} instead of {}", format, kFormat), path, "it needs another version of sujip"};
  return Identity{std::string(id), std::string(cluster), std::string(prefix)};
}

Status write_identity(const std::string& dir, const Identity& identity) {
  std::string out = "{";
  append_json_field(out, "format", kFormat);
  append_json_field(out, "id", identity.id);
  append_json_field(out, "cluster", identity.cluster);
  append_json_field(out, "prefix", identity.prefix);
  SUJIP_TRY(DurableFile file, DurableFile::create(dir + "/" + std::string(kIdentityFile)));
  SUJIP_CHECK_OK(file.write(out + "}\n"));
  return file.finish();
}

std::string manifest_line(const Segment& segment) {
  std::string out = "{";
  append_json_field(out, "file", segment.file);
  append_json_field(out, "from", segment.from);
  append_json_field(out, "first", segment.first);
  append_json_field(out, "last", segment.last);
  append_json_field(out, "next", segment.next);
  append_json_field(out, "records", segment.records);
  append_json_field(out, "bytes", segment.bytes);
  append_json_field(out, "raw_bytes", segment.raw_bytes);
  append_json_field(out, "xxh3", segment.checksum);
  append_json_field(out, "tail", segment.tail);
  append_json_field(out, "from_ms", segment.from_ms);
  append_json_field(out, "to_ms", segment.to_ms);
  const std::string check = line_checksum(out);
  return out + std::string(kLineName) + check + "\"}";
}

Result<PartitionArchive> read_partition(const std::string& folder) {
  PartitionArchive out;
  out.folder = folder;
  const std::string path = manifest_file(folder);
  std::error_code error;
  if (!fs::exists(path, error)) return out;
  SUJIP_TRY(const std::string text, read_file(path));
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    if (end == rest.npos) {
      out.torn = true;
      break;
    }
    Segment segment;
    if (!parse_line(rest.substr(0, end), segment))
      return Error{"the line is damaged", fmt::format("{}:{}", path, number),
                   "put back a copy of the archive, or archive this topic into a new folder while Kafka still has it"};
    if ((!out.segments.empty() && segment.from != out.next()) || segment.first < segment.from ||
        segment.last < segment.first || segment.next <= segment.last || segment.records < 1 || segment.raw_bytes < 0)
      return Error{"the segments do not follow each other", fmt::format("{}:{}", path, number),
                   "a line is missing or damaged: put back a copy of the archive"};
    out.segments.push_back(std::move(segment));
    rest.remove_prefix(end + 1);
  }
  return out;
}

Status add_segment(PartitionArchive& partition, const Segment& segment) {
  const std::string path = manifest_file(partition.folder);
  if (partition.torn) {
    // Written anew without it, so that the new line does not continue the torn one.
    SUJIP_TRY(DurableFile file, DurableFile::create(path));
    for (const Segment& s : partition.segments) SUJIP_CHECK_OK(file.write(manifest_line(s) + "\n"));
    SUJIP_CHECK_OK(file.finish());
    partition.torn = false;
  }
  SUJIP_CHECK_OK(append_line(path, manifest_line(segment)));
  partition.segments.push_back(segment);
  return {};
}

Status write_topic(const std::string& dir, const std::string& topic, int32_t partitions) {
  const std::string folder = dir + "/" + topic;
  std::error_code error;
  if (fs::exists(folder + "/" + std::string(kTopicFile), error)) return {};
  for (int32_t p = 0; p < partitions; ++p) SUJIP_CHECK_OK(make_folder(partition_folder(dir, topic, p)));
  SUJIP_TRY(DurableFile file, DurableFile::create(folder + "/" + std::string(kTopicFile)));
  SUJIP_CHECK_OK(file.write(fmt::format("{{\"partitions\":{}}}\n", partitions)));
  return file.finish();
}

Result<std::vector<PartitionArchive>> read_topic(const std::string& dir, const std::string& topic) {
  const std::string path = fmt::format("{}/{}/{}", dir, topic, kTopicFile);
  SUJIP_TRY(const std::string text, read_file(path));
  simdjson::dom::parser parser;
  element root;
  int64_t count = 0;
  if (parser.parse(simdjson::padded_string(text)).get(root) || root["partitions"].get(count) || count < 1)
    return Error{"does not say how many partitions the topic has", path, "put back a copy of the archive"};
  std::vector<PartitionArchive> out;
  for (int32_t p = 0; p < count; ++p) {
    const std::string folder = partition_folder(dir, topic, p);
    if (!fs::is_directory(folder)) return Error{"the folder is missing", folder, "put back a copy of the archive"};
    SUJIP_TRY(auto partition, read_partition(folder));
    out.push_back(std::move(partition));
  }
  return out;
}

Result<std::vector<std::string>> archived_topics(const std::string& dir, const std::vector<std::string>& topics) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error))
    // A topic whose folder was only being made has nothing in it.
    if (fs::exists(entry.path() / kTopicFile)) out.push_back(entry.path().filename().string());
  if (error) return Error{error.message(), dir, "name the folder that `sujip archive` wrote"};
  std::sort(out.begin(), out.end());
  if (topics.empty()) return out;
  for (const std::string& topic : topics)
    if (std::find(out.begin(), out.end(), topic) == out.end())
      return Error{"the topic is not in the archive", dir + "/" + topic, "`sujip archive verify` shows what is"};
  return topics;
}

Result<Contents> read_contents(const std::string& dir, const std::vector<std::string>& topics) {
  SUJIP_TRY(const auto names, archived_topics(dir, topics));
  Contents out;
  for (const std::string& topic : names) {
    SUJIP_TRY(out[topic], read_topic(dir, topic));
  }
  return out;
}

}  // namespace sujip::archive
