#pragma once
// Who reads which topics on the way from raw to the tables, as the topology and the sink say.

#include <string>
#include <vector>

#include "core/settings.h"
#include "topics/dataset.h"
#include "topics/generation.h"

namespace sujip {

struct Reader {
  std::string name;                 // of the stage, or "sink"
  std::string group;                // consumer group, or the sink's name in sujip.sink_progress
  bool in_database = false;         // where its positions are
  std::vector<std::string> topics;  // with prefix
  // How often what came in passes it: twice where it also writes what it reads (deltas of as-is rollups).
  int passes = 1;
};

// In the order of the data.
std::vector<Reader> readers(const Datasets& datasets, const topics::Names& names);
// Of these generations; those of later ones are called g<N>.entity and so on.
std::vector<Reader> readers(const Datasets& datasets, const std::string& prefix,
                            const std::vector<topics::Generation>& generations);

}  // namespace sujip
