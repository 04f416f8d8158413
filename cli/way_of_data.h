#pragma once
// The way of the data, collected from where it is declared: stages from build_topology, topics from the
// catalogue, tables from the sink's declared work. Topics carry the prefix.

#include <string>
#include <vector>

#include "core/settings.h"
#include "topics/dataset.h"
#include "topics/generation.h"

namespace sujip {

struct WayStage {
  std::string name;
  std::string group;  // of Kafka; of the sink its name in sujip.sink_progress
  bool sink = false;
  std::vector<std::string> reads;
  std::vector<std::string> writes;  // topics
};

struct WayTable {
  std::string topic;
  std::string table;
};

struct WayTopic {
  std::string name;
  bool raw = false;      // what was collected: nothing else makes it
  bool derived = false;  // made from raw topics alone
  int partitions = 0;
  std::string cleanup;
};

struct WayOfData {
  std::vector<WayStage> stages;
  std::vector<WayTopic> topics;  // as the catalogue has them
  std::vector<WayTable> tables;

  std::vector<std::string> derived_topics() const;
};

WayOfData way_of_data(const Datasets& datasets, const topics::Names& names);

std::string to_text(const WayOfData& way);
std::string to_dot(const WayOfData& way);  // Graphviz

}  // namespace sujip
