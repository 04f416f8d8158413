#pragma once
// Bringing the broker's topics in line with the catalogue.

#include <string>
#include <vector>

#include "core/kafka/admin.h"
#include "core/result.h"

namespace sujip::topics {

struct Difference {
  std::string topic;
  std::string what;     // "missing", "3 partitions instead of 6", "retention.ms is 1 instead of -1"
  bool fixable = true;  // partitions are not: they decide where keys live
};

// What differs between the broker and `wanted`. Topics the catalogue does not know are left alone.
Result<std::vector<Difference>> compare(kafka::Admin& admin, const std::vector<kafka::TopicSpec>& wanted);

// Creates what is missing and sets settings that differ; an error when partitions differ.
// Returns what was done.
Result<std::vector<Difference>> apply(kafka::Admin& admin, const std::vector<kafka::TopicSpec>& wanted,
                                      int replication);

}  // namespace sujip::topics
