#pragma once
// Which sinks are running, and which partition belongs to which of them. The database is the only
// meeting place: a member is alive while its session holds a lock and its heartbeat is fresh, so a
// killed process is noticed at once and a frozen one after some seconds.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/kafka/client.h"
#include "core/postgres/connection.h"

namespace sujip::sink {

struct Member {
  int64_t number = 0;
  std::string owner;
};

class Members {
 public:
  Members(std::string sink, std::string owner) : sink_(std::move(sink)), owner_(std::move(owner)) {}

  // After every (re)connect.
  Status join(pg::Connection& connection);
  // Heartbeat; the live members in order of their numbers, this one included.
  Result<std::vector<Member>> beat(pg::Connection& connection);
  Status leave(pg::Connection& connection);

 private:
  std::string sink_;
  std::string owner_;
  std::optional<int64_t> number_;
};

// Owners of the sinks of this database that are alive: of one name, or, with "", of all.
Result<std::vector<std::string>> live_owners(pg::Connection& connection, const std::string& sink);

// The place in the list of members a partition belongs to; the same for everybody who sees the same
// list. Partitions of one topic are spread evenly.
size_t place_of(const kafka::TopicPartition& tp, size_t members);
// The same for the writers within a member.
size_t writer_of(const kafka::TopicPartition& tp, size_t members, size_t writers);

}  // namespace sujip::sink
