#pragma once
// The generations of an installation, as the tables sujip.generation and sujip.generation_live say.

#include <optional>
#include <string>
#include <vector>

#include "core/kafka/admin.h"
#include "core/postgres/connection.h"
#include "core/settings.h"
#include "topics/generation.h"

namespace sujip::topics {

struct Generations {
  std::vector<Generation> all;  // by number; dropped ones, too
  LiveGenerations live;

  const Generation* find(int number) const;
  // In step with the raw topics: what `lag` speaks of.
  std::vector<Generation> running() const;
};

// The first generation alone: of a database without the tables, or of no database.
Generations only_the_first();

// `only_the_first` when the tables are not there yet.
Result<Generations> read_generations(pg::Connection& connection);
Result<Generations> read_generations(const Settings& settings);
// The same for commands that also work without a database.
Generations generations_or_first(const Settings& settings);

// All topics that have to be there: those of the catalogue, and of every generation that is kept in step.
std::vector<kafka::TopicSpec> wanted_topics(const Settings& settings, const Datasets& datasets);

// Asks again and again, through a session of its own.
class GenerationWatch {
 public:
  explicit GenerationWatch(std::string pg) : pg_(std::move(pg)) {}
  Result<Generations> look();

 private:
  std::string pg_;
  std::optional<pg::Connection> connection_;
};

}  // namespace sujip::topics
