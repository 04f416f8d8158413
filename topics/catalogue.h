#pragma once
// Every topic sujip has, and only here are their names spelled.

#include <string>
#include <string_view>
#include <vector>

#include "core/kafka/admin.h"
#include "topics/dataset.h"
#include "topics/generation.h"

namespace sujip::topics {

inline constexpr std::string_view kRawAccount = "raw.account";
inline constexpr std::string_view kRawStatus = "raw.status";
inline constexpr std::string_view kRawReport = "raw.report";
inline constexpr std::string_view kRawCatalog = "raw.catalog";
inline constexpr std::string_view kRawOrder = "raw.order";
inline constexpr std::string_view kRawActivity = "raw.activity";
inline constexpr std::string_view kDeltaRollup = "delta.rollup";
inline constexpr std::string_view kScopeTally = "scope.tally";
inline constexpr std::string_view kScopeRun = "scope.run";
inline constexpr std::string_view kRunLog = "run.log";
inline constexpr std::string_view kDeadLetter = "dead.letter";

inline constexpr int kPartitions = 6;

// The raw topics, sorted.
std::vector<std::string> raw_topics();

// All topics the declarations ask for, with partitions and settings; names carry `prefix`.
std::vector<kafka::TopicSpec> catalogue(const Datasets& datasets, const std::string& prefix);

// Those that are made from raw topics, as they are called in one generation. Of another than the first
// run.log has only what its own tasks say.
std::vector<kafka::TopicSpec> derived_catalogue(const Datasets& datasets, const Names& names);

// The dataset whose rows or totals a topic has (a name of the catalogue); "" for any other topic.
std::string dataset_of_rows(std::string_view name);

// Group and transactional ids also have one place: "<prefix>sujip-<what>".
std::string group_of(const std::string& prefix, std::string_view what);

}  // namespace sujip::topics
