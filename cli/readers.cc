#include "cli/readers.h"

#include <algorithm>

#include "processors/normalize/normalizers.h"
#include "processors/topology.h"
#include "sinks/postgres/sink.h"
#include "topics/catalogue.h"

namespace sujip {

std::vector<Reader> readers(const Datasets& datasets, const topics::Names& names) {
  std::vector<Reader> out;
  const MappingSet no_mappings(datasets);  // the stages are only looked at
  for (const Stage& stage : build_topology(datasets, no_mappings, 1)) {
    Reader reader{stage.name, names.group(stage.name), false, {}};
    for (const std::string& topic : stage.inputs) {
      reader.topics.push_back(names.topic(topic));
      if (std::find(stage.outputs.begin(), stage.outputs.end(), topic) != stage.outputs.end()) reader.passes = 2;
    }
    out.push_back(std::move(reader));
  }
  const sink::Work work = sink::declared_work(datasets, names);
  Reader tables{"sink", work.sink, true, {}};
  for (const auto& [topic, target] : work.targets) tables.topics.push_back(topic);
  out.push_back(std::move(tables));
  return out;
}

std::vector<Reader> readers(const Datasets& datasets, const std::string& prefix,
                            const std::vector<topics::Generation>& generations) {
  std::vector<Reader> out;
  for (const topics::Generation& g : generations) {
    const topics::Names names(prefix, g.number);
    for (Reader& reader : readers(g.of(datasets), names)) {
      reader.name = names.label(reader.name);
      out.push_back(std::move(reader));
    }
  }
  return out;
}

}  // namespace sujip
