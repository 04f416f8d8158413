#include "topics/apply.h"

#include <fmt/format.h>

#include <algorithm>

namespace sujip::topics {

Result<std::vector<Difference>> compare(kafka::Admin& admin, const std::vector<kafka::TopicSpec>& wanted) {
  SUJIP_TRY(const auto present, admin.topics());
  std::vector<std::string> names;
  for (const auto& w : wanted)
    if (present.contains(w.name)) names.push_back(w.name);
  SUJIP_TRY(const auto settings, admin.configs(names));
  std::vector<Difference> out;
  for (const kafka::TopicSpec& w : wanted) {
    const auto found = present.find(w.name);
    if (found == present.end()) {
      out.push_back({w.name, "missing", true});
      continue;
    }
    if (found->second != w.partitions)
      out.push_back({w.name, fmt::format("{} partitions instead of {}", found->second, w.partitions), false});
    const auto have = settings.find(w.name);
    for (const auto& [name, value] : w.config) {
      const bool known = have != settings.end() && have->second.contains(name);
      const std::string now = known ? have->second.at(name) : "(default)";
      // A broker default that happens to be the wanted value is not reported as a setting.
      if (now == value || (!known && name == "compression.type") ||
          (!known && name == "cleanup.policy" && value == "delete") ||
          (!known && name == "retention.bytes" && value == "-1"))
        continue;
      out.push_back({w.name, fmt::format("{} is {} instead of {}", name, now, value), true});
    }
  }
  return out;
}

Result<std::vector<Difference>> apply(kafka::Admin& admin, const std::vector<kafka::TopicSpec>& wanted,
                                      int replication) {
  SUJIP_TRY(auto differences, compare(admin, wanted));
  std::vector<kafka::TopicSpec> create;
  std::vector<kafka::TopicSpec> change;
  for (const kafka::TopicSpec& w : wanted) {
    const auto concerns = [&](const Difference& d) { return d.topic == w.name; };
    const auto first = std::find_if(differences.begin(), differences.end(), concerns);
    if (first == differences.end()) continue;
    if (!first->fixable)
      return Error{first->what, "topic " + w.name,
                   "the number of partitions cannot change in place: build a new generation from raw"};
    (first->what == "missing" ? create : change).push_back(w);
  }
  SUJIP_CHECK_OK(admin.create_topics(create, replication));
  SUJIP_CHECK_OK(admin.set_configs(change));
  return differences;
}

}  // namespace sujip::topics
