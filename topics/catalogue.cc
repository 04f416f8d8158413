#include "topics/catalogue.h"

#include <set>

namespace sujip::topics {
namespace {

using Config = std::map<std::string, std::string>;

// The truth: kept for ever, packed well.
const Config kTruth = {
    {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}, {"compression.type", "producer"}};
// The last record of a key counts. A deleted row's tombstone stays a month: a store that was away
// longer than that must be rebuilt.
const Config kCompacted = {
    {"cleanup.policy", "compact"}, {"min.cleanable.dirty.ratio", "0.3"}, {"delete.retention.ms", "2592000000"}};

Config kept_for_days(int days) {
  return {{"cleanup.policy", "delete"}, {"retention.ms", std::to_string(days * 24LL * 3600 * 1000)}};
}

}  // namespace

std::vector<std::string> raw_topics() {
  std::vector<std::string> out;
  for (const std::string_view t : {kRawAccount, kRawActivity, kRawCatalog, kRawOrder, kRawReport, kRawStatus})
    out.emplace_back(t);
  return out;
}

std::vector<kafka::TopicSpec> catalogue(const Datasets& datasets, const std::string& prefix) {
  std::vector<kafka::TopicSpec> out;
  const auto add = [&](std::string_view name, const Config& settings) {
    out.push_back({prefix + std::string(name), kPartitions, settings});
  };
  std::set<std::string> raw;  // a declaration may name a raw topic of its own
  for (std::string& topic : raw_topics()) raw.insert(std::move(topic));
  for (const Dataset& d : datasets.all()) raw.insert(d.raw_topic);
  for (const std::string& topic : raw) add(topic, kTruth);
  for (const Dataset& d : datasets.all()) {
    add(d.change_topic(), kCompacted);
    add(d.scope_topic(), kCompacted);
    if (!d.has_rollup()) continue;
    add(d.rollup_topic(), kCompacted);
    add(d.distinct_topic(), kCompacted);
    if (d.has_as_is()) add(d.as_is_topic(), kCompacted);
  }
  add(kDeltaRollup, kept_for_days(7));
  add(kScopeTally, kept_for_days(7));
  add(kScopeRun, kCompacted);
  add(kRunLog, kept_for_days(90));
  add(kDeadLetter, kept_for_days(90));
  return out;
}

std::vector<kafka::TopicSpec> derived_catalogue(const Datasets& datasets, const Names& names) {
  std::vector<kafka::TopicSpec> out;
  for (kafka::TopicSpec& spec : catalogue(datasets, ""))
    if (is_derived(spec.name)) out.push_back({names.topic(spec.name), spec.partitions, std::move(spec.config)});
  return out;
}

std::string dataset_of_rows(std::string_view name) {
  for (const std::string_view kind : {"change.", "rollup."})
    if (name.starts_with(kind)) return std::string(name.substr(kind.size()));
  return "";
}

std::string group_of(const std::string& prefix, std::string_view what) { return prefix + "sujip-" + std::string(what); }

}  // namespace sujip::topics
