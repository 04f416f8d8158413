#include "archive/catalogue_of.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "topics/catalogue.h"

namespace sujip::archive {

std::vector<std::string> raw_topics_of(const Datasets& datasets) {
  std::set<std::string> out;
  for (std::string& topic : topics::raw_topics()) out.insert(std::move(topic));
  for (const Dataset& d : datasets.all()) out.insert(d.raw_topic);
  return {out.begin(), out.end()};
}

Result<std::vector<std::string>> choose_topics(const Datasets& datasets, const std::vector<std::string>& asked) {
  std::vector<std::string> allowed = raw_topics_of(datasets);
  if (asked.empty()) return allowed;
  allowed.emplace_back(topics::kRunLog);
  std::set<std::string> out;
  for (const std::string& topic : asked) {
    if (std::find(allowed.begin(), allowed.end(), topic) == allowed.end())
      return Error{fmt::format("'{}' is not a topic to archive", topic), "",
                   fmt::format("one of {}; all others are made from them", fmt::join(allowed, ", "))};
    out.insert(topic);
  }
  return std::vector<std::string>(out.begin(), out.end());
}

}  // namespace sujip::archive
