#pragma once
// connector.yaml of kind files: which files of a folder belong to a source and what they mean.
// producers/connectors/README.md lists every key.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "producers/files/csv_reader.h"
#include "producers/files/encoding.h"
#include "producers/files/name_pattern.h"
#include "topics/dataset.h"

namespace sujip::feeds {

struct FileConnector {
  std::string file;    // of the connector, for messages
  std::string folder;  // that holds it
  std::string source;
  std::string ko, en;

  std::string account;       // fixed, or
  std::string account_from;  // the named group of the file's name that says it
  std::string dataset;

  std::string glob;  // under the source's folder
  NamePattern name;  // of the file's path relative to that folder
  // The dataset's slice field; "…date": its value is a day. Empty: the scope is the whole dataset.
  std::string scope_field;
  std::string scope_template;               // "{date}"
  std::string snapshot_template;            // "{time}"; empty: the time of acceptance
  int64_t zone_offset_ms = kSeoulOffsetMs;  // of times in names

  Encoding encoding = Encoding::automatic;
  CsvDialect csv;
  bool header = true;
  std::vector<std::string> columns;  // expected; the names of the columns when there is no header

  std::vector<std::string> key;  // column(s); empty: the n-th equal row
  PartitionBy partition = PartitionBy::scope;
  bool partition_set = false;  // else the dataset's
  std::optional<Guard> guard;  // else the dataset's
  bool accept_empty = false;

  std::string currency;
  std::string time_zone = "Asia/Seoul";
  std::chrono::seconds every{60};

  // A file is one snapshot of many of its scope, told apart by time, not the whole truth of it.
  bool is_series() const { return !snapshot_template.empty(); }
};

// Errors say file:line, what is wrong and what is allowed.
Result<FileConnector> parse_file_connector(const std::string& yaml, const std::string& file_name);
Result<FileConnector> load_file_connector(const std::string& file);

// True when connector.yaml is of kind files; false for a manifest of an HTTP source.
Result<bool> is_file_connector(const std::string& file);

// "90s", "15m", "2h", "1d"
std::optional<std::chrono::seconds> parse_interval(std::string_view text);

}  // namespace sujip::feeds
