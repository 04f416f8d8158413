#pragma once
// mapping.yaml of a connector: which fields of which datasets come from what.

#include <map>
#include <string>

#include "processors/normalize/mapping.h"
#include "topics/dataset.h"

namespace sujip {

struct MappingFile {
  std::string source;
  std::map<std::string, Mapping> datasets;  // by name
};

// Errors name file, line and what is allowed. `datasets` must outlive the result.
Result<MappingFile> load_mapping(const std::string& file, const Datasets& datasets);
Result<MappingFile> parse_mapping(const std::string& yaml, const std::string& file_name, const Datasets& datasets);

}  // namespace sujip
