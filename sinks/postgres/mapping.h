#pragma once
// A mapping file: which topics fill which tables of the user's own, column by column.
// docs/operating.md shows one.

#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "sinks/postgres/batch.h"

namespace sujip::sink {

struct Mapping {
  std::string sink;                       // names the progress; processes with the same name share the work
  std::map<std::string, Target> targets;  // by topic
  std::vector<Table> tables() const;
};

// Errors name file, line and what is allowed.
Result<Mapping> load_mapping(const std::string& file);
Result<Mapping> parse_mapping(const std::string& yaml, const std::string& file_name);

}  // namespace sujip::sink
