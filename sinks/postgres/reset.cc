#include "sinks/postgres/reset.h"

#include <algorithm>

#include "sinks/postgres/members.h"
#include "sinks/postgres/rows.h"
#include "sinks/postgres/tables.h"

namespace sujip::sink {

std::vector<TopicTables> tables_of(const Work& work) {
  std::vector<TopicTables> out;
  for (const auto& [topic, target] : work.targets) {
    TopicTables one{topic, {target.table.schema + "." + target.table.name}};
    if (target.role == Role::product_change)
      one.tables.push_back(target.table.schema + "." + price_history_table().name);
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<std::string>> live_sinks(pg::Connection& connection, const std::string& sink) {
  SUJIP_TRY(const auto there, connection.query("select to_regclass('sujip.sink_member') is not null"));
  if (!there.boolean(0, 0)) return std::vector<std::string>();
  return live_owners(connection, sink);
}

namespace {

// Inside a transaction.
Status empty(pg::Connection& connection, const Work& work, const std::vector<std::string>& topics) {
  for (const TopicTables& one : tables_of(work)) {
    if (std::find(topics.begin(), topics.end(), one.topic) == topics.end()) continue;
    for (const std::string& table : one.tables) {
      if (table == "sujip.run_log") continue;  // of all generations, and of collectors
      SUJIP_TRY(const auto there, connection.query("select to_regclass($1) is not null", table));
      if (there.boolean(0, 0)) SUJIP_CHECK_OK(connection.exec("truncate " + table));
    }
  }
  std::string names = "{";
  for (const std::string& topic : topics) {
    if (names.size() > 1) names += ',';
    append_array_element(names, topic);
  }
  SUJIP_CHECK_OK(connection.query("delete from sujip.sink_progress where topic = any($1::text[])", names + "}"));
  SUJIP_CHECK_OK(connection.exec("delete from sujip.run_log where stage in ('process', 'sink')"));
  return {};
}

}  // namespace

Status empty_tables(pg::Connection& connection, const Work& work, const std::vector<std::string>& topics) {
  SUJIP_CHECK_OK(connection.exec("begin"));
  const Status done = empty(connection, work, topics);
  if (done.ok()) {
    SUJIP_CHECK_OK(connection.exec("commit"));
    return {};
  }
  (void)connection.exec("rollback");
  return done;
}

}  // namespace sujip::sink
