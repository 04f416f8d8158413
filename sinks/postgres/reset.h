#pragma once
// Emptying what the sink has made, so that it is made again from its topics.

#include <string>
#include <vector>

#include "core/postgres/connection.h"
#include "sinks/postgres/sink.h"

namespace sujip::sink {

// Where the records of a topic go.
struct TopicTables {
  std::string topic;  // with prefix
  std::vector<std::string> tables;
};
std::vector<TopicTables> tables_of(const Work& work);

// Owners of the sinks of this database that are alive: of one name, or of all.
Result<std::vector<std::string>> live_sinks(pg::Connection& connection, const std::string& sink = "");

// Empties the tables of these topics, and forgets how far any sink has read them, in one transaction. Of
// run_log what collectors said stays: it is in no other topic.
Status empty_tables(pg::Connection& connection, const Work& work, const std::vector<std::string>& topics);

}  // namespace sujip::sink
