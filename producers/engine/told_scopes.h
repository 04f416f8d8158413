#pragma once
// What run.log was told of each scope last. A collector that looks every minute says once how things
// are, and again when they change, or on the next day.

#include <string>
#include <unordered_map>

#include "producers/engine/delivery.h"

namespace sujip::engine {

class ToldScopes {
 public:
  // True when this is not what was told last; then it counts as told. A failure that lasts is told
  // again every hour.
  bool is_news(const Collected& item);
  bool is_news(const NotCollected& gap);
  // Nothing is known to have arrived: everything is news again.
  void forget() { told_.clear(); }

 private:
  struct Told {
    Day day;
    size_t state = 0;  // hash
  };
  bool is_news(const Scope& scope, TimeMs at, const std::string& state);

  std::unordered_map<std::string, Told> told_;  // by subject
};

}  // namespace sujip::engine
