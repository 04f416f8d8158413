#pragma once
// The whole way of the data; see topology.cc.

#include <string>
#include <vector>

#include "processors/normalizer.h"
#include "processors/runtime/lane.h"
#include "topics/dataset.h"

namespace sujip {

// One kind of task and the topics it reads.
struct Stage {
  std::string name;  // also the consumer group
  std::vector<std::string> inputs;
  TaskFactory make;
  int lanes = 1;
  std::vector<std::string> outputs;  // topics it may write; dead.letter, which all may, is left out
};

// datasets and normalizers must outlive the stages.
std::vector<Stage> build_topology(const Datasets& datasets, const Normalizers& normalizers, int lanes,
                                  const topics::Selection& selection = {});

}  // namespace sujip
