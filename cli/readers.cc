#include "cli/readers.h"

#include "processors/normalize/normalizers.h"
#include "processors/topology.h"
#include "sinks/postgres/sink.h"
#include "topics/catalogue.h"

namespace sujip {

std::vector<Reader> readers(const Datasets& datasets, const std::string& prefix) {
  std::vector<Reader> out;
  const MappingSet no_mappings(datasets);  // the stages are only looked at
  for (const Stage& stage : build_topology(datasets, no_mappings, 1)) {
    Reader reader{stage.name, topics::group_of(prefix, stage.name), false, {}};
    for (const std::string& topic : stage.inputs) reader.topics.push_back(prefix + topic);
    out.push_back(std::move(reader));
  }
  const sink::Work work = sink::declared_work(datasets, prefix);
  Reader tables{"sink", work.sink, true, {}};
  for (const auto& [topic, target] : work.targets) tables.topics.push_back(topic);
  out.push_back(std::move(tables));
  return out;
}

}  // namespace sujip
