#pragma once
// What a generation is made of, and the making and deleting of it. Each step can be done again: a kill between
// two of them leaves something that the same command finishes.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "core/kafka/admin.h"
#include "core/postgres/connection.h"
#include "core/settings.h"
#include "topics/generations.h"

namespace sujip {

class GenerationParts {
 public:
  GenerationParts(const Settings& settings, const Datasets& all, const topics::Generation& generation);

  // One line each: "topic   g2.change.product".
  std::vector<std::string> lines() const;
  // Topics, and tables like those that readers see.
  Status make(kafka::Admin& admin, pg::Connection& connection, int replication) const;
  // Members of its groups and live sinks, as errors. None: nobody works on it.
  Result<std::vector<Error>> in_the_way(kafka::Admin& admin, pg::Connection& connection) const;
  // Topics, groups, folders of this machine, tables and positions.
  Status remove(kafka::Admin& admin, pg::Connection& connection) const;

  const std::vector<std::string>& groups() const { return groups_; }
  const std::vector<std::string>& tables() const { return tables_; }
  std::set<std::filesystem::path> folders() const;  // that are there

 private:
  Status drop_months(pg::Connection& connection) const;
  Status wait_for_topics(kafka::Admin& admin, bool there) const;

  Settings settings_;
  topics::Names names_;
  topics::Generation generation_;
  std::vector<kafka::TopicSpec> topics_;
  std::vector<std::string> groups_;
  std::vector<std::string> tables_;
  std::string months_;  // tables by month with their dates, as JSON
  std::string sink_;
};

}  // namespace sujip
