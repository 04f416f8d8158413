#pragma once
// The fence. A partition is owned by whoever raised its epoch last; its offset moves only under that
// epoch, from the offset the owner believes in, inside the transaction of the rows.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/kafka/client.h"
#include "core/postgres/connection.h"

namespace sujip::sink {

struct Claim {
  kafka::TopicPartition tp;
  int64_t epoch = 0;
  int64_t next_offset = 0;
};

// A step of one partition within a flush.
struct Move {
  kafka::TopicPartition tp;
  int64_t epoch = 0;
  int64_t from = 0;
  int64_t to = 0;
};

struct ProgressRow {
  kafka::TopicPartition tp;
  int64_t next_offset = 0;
  int64_t epoch = 0;
  std::optional<std::string> owner;
};

// What became of a flush whose COMMIT was not answered, by the row found afterwards.
enum class Fate : uint8_t {
  committed,      // the row stands where the flush wanted it
  not_committed,  // it stands where the flush began
  fenced,         // somebody else owns the partition, or the row is gone or elsewhere
};
Fate fate_of(const Move& move, const std::optional<ProgressRow>& row);

class Progress {
 public:
  // `sink` names this sink among others on the same database.
  Progress(std::string sink, std::string owner) : sink_(std::move(sink)), owner_(std::move(owner)) {}

  // Makes rows for partitions that have none, starting at `next_offset` of each claim.
  Status add(pg::Connection& connection, const std::vector<Claim>& fresh) const;
  Result<std::vector<ProgressRow>> all(pg::Connection& connection) const;
  Result<std::optional<ProgressRow>> one(pg::Connection& connection, const kafka::TopicPartition& tp) const;
  // Takes the partition if its epoch still is `seen_epoch`; waits for a flush of the former owner.
  // Nothing when somebody else was faster.
  Result<std::optional<Claim>> claim(pg::Connection& connection, const kafka::TopicPartition& tp,
                                     int64_t seen_epoch) const;
  // Gives it up, so that another sink may claim it at once.
  Status release(pg::Connection& connection, const kafka::TopicPartition& tp, int64_t epoch) const;

  // First statement of a flush's transaction. False: at least one partition is fenced, roll back.
  Result<bool> advance(pg::Connection& connection, const std::vector<Move>& moves) const;

  const std::string& sink() const { return sink_; }
  const std::string& owner() const { return owner_; }

 private:
  std::string sink_;
  std::string owner_;
};

}  // namespace sujip::sink
