#include "cli/generation_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/readers.h"
#include "core/json_text.h"
#include "core/log.h"
#include "processors/process.h"
#include "sinks/postgres/reset.h"
#include "sinks/postgres/rows.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

namespace fs = std::filesystem;

}  // namespace

GenerationParts::GenerationParts(const Settings& settings, const Datasets& all, const topics::Generation& generation)
    : settings_(settings), names_(settings.prefix, generation.number), generation_(generation) {
  const Datasets datasets = generation.of(all);
  topics_ = topics::derived_catalogue(datasets, names_);
  // Collectors write to the run.log of the first one.
  if (generation.number == 1)
    std::erase_if(topics_, [&](const auto& spec) { return spec.name == names_.topic(topics::kRunLog); });
  for (const Reader& reader : readers(datasets, names_))
    if (reader.in_database)
      sink_ = reader.group;
    else
      groups_.push_back(reader.group);
  std::set<std::string> tables;
  for (const auto& one : sink::tables_of(sink::declared_work(datasets, names_)))
    for (const std::string& table : one.tables)
      if (table.starts_with(names_.schema() + ".")) tables.insert(table);
  tables_.assign(tables.begin(), tables.end());
  months_ = "{";
  for (const Dataset& dataset : datasets.all())
    if (dataset.by_month)
      append_json_field(months_, dataset.name, dataset.fields[static_cast<size_t>(*dataset.date)].name);
  months_ += '}';
}

std::set<fs::path> GenerationParts::folders() const {
  std::set<fs::path> out;
  const fs::path stem = state_folder_stem(settings_, names_.generation());
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(stem.parent_path(), none))
    if (entry.path().filename().string().starts_with(stem.filename().string())) out.insert(entry.path());
  return out;
}

std::vector<std::string> GenerationParts::lines() const {
  std::vector<std::string> out;
  for (const auto& topic : topics_) out.push_back("topic   " + topic.name);
  for (const std::string& group : groups_) out.push_back("group   " + group);
  out.push_back("folder  " + state_folder_stem(settings_, names_.generation()) + "*");
  for (const std::string& table : tables_) out.push_back("table   " + table);
  out.push_back("rows    of sujip.sink_progress for " + sink_);
  return out;
}

Status GenerationParts::make(kafka::Admin& admin, pg::Connection& connection, int replication) const {
  SUJIP_CHECK_OK(admin.create_topics(topics_, replication));
  SUJIP_CHECK_OK(wait_for_topics(admin, true));
  std::optional<std::string> datasets;
  if (!generation_.datasets.empty()) datasets = sink::array_of(generation_.datasets);
  SUJIP_CHECK_OK(connection.query("select sujip.make_generation($1::int, $2::text[], $3::jsonb)", generation_.number,
                                  datasets, months_));
  return {};
}

Result<std::vector<Error>> GenerationParts::in_the_way(kafka::Admin& admin, pg::Connection& connection) const {
  std::vector<Error> out;
  SUJIP_TRY(const auto live, admin.live_groups());
  for (const std::string& group : groups_)
    if (const auto found = live.find(group); found != live.end())
      out.push_back({fmt::format("the group has {} members", found->second), group,
                     "a process that ended a moment ago leaves its group some seconds later"});
  SUJIP_TRY(const auto owners, sink::live_sinks(connection, sink_));
  // The first one's stays, for what collectors say.
  if (names_.generation() > 1)
    for (const std::string& owner : owners) out.push_back({"a sink is running", owner, ""});
  return out;
}

Status GenerationParts::remove(kafka::Admin& admin, pg::Connection& connection) const {
  std::vector<std::string> names;
  for (const auto& topic : topics_) names.push_back(topic.name);
  SUJIP_CHECK_OK(admin.delete_groups(groups_));
  SUJIP_TRY(const auto there, admin.topics());
  std::vector<std::string> old;
  for (const std::string& name : names)
    if (there.contains(name)) old.push_back(name);
  SUJIP_CHECK_OK(admin.delete_topics(old));
  SUJIP_CHECK_OK(wait_for_topics(admin, false));
  for (const fs::path& folder : folders()) {
    std::error_code error;
    fs::remove_all(folder, error);
    if (error) return Error{error.message(), folder.string(), "delete it by hand, then start again"};
  }
  SUJIP_TRY(auto transaction, pg::Transaction::begin(connection));
  SUJIP_TRY(const auto tables,
            connection.query("select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n "
                             "on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p')",
                             names_.schema()));
  // Not cascading: a view of somebody else that reads the table itself is told, not dropped.
  for (int i = 0; i < tables.size(); ++i)
    SUJIP_CHECK_OK(connection.exec("drop table " + std::string(tables.text(i, 0))));
  SUJIP_CHECK_OK(connection.exec("drop schema if exists " + names_.schema()));
  SUJIP_CHECK_OK(drop_months(connection));
  SUJIP_CHECK_OK(
      connection.query("delete from sujip.sink_progress where topic = any($1::text[])", sink::array_of(names)));
  SUJIP_CHECK_OK(
      connection.query("update sujip.generation set state = 'dropped' where number = $1", names_.generation()));
  return transaction.commit();
}

// Partitions went with their tables. Months that a person detached are theirs.
Status GenerationParts::drop_months(pg::Connection& connection) const {
  const std::string schema = names_.schema() + "_months";
  SUJIP_TRY(const auto left,
            connection.query("select count(*) from pg_class where relnamespace = to_regnamespace($1)", schema));
  if (left.integer(0, 0) == 0) {
    SUJIP_CHECK_OK(connection.exec("drop schema if exists " + schema));
    return {};
  }
  log::warn("schema {} stays: it holds months that were detached", schema);
  return {};
}

// The broker works in the background.
Status GenerationParts::wait_for_topics(kafka::Admin& admin, bool wanted) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    SUJIP_TRY(const auto there, admin.topics());
    const auto n = std::count_if(topics_.begin(), topics_.end(),
                                 [&](const auto& topic) { return there.contains(topic.name) != wanted; });
    if (n == 0) return {};
    if (std::chrono::steady_clock::now() > deadline)
      return Error{fmt::format("{} topics are still to be {}", n, wanted ? "made" : "deleted"),
                   "Kafka at " + settings_.kafka, "start again"};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace sujip
