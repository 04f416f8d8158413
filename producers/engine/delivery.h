#pragma once
// Where collected scopes go. The engine hands over whole scopes; nothing of a failed one ever arrives.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/calendar.h"
#include "producers/engine/failure.h"
#include "producers/engine/plan.h"
#include "topics/scope.h"

namespace sujip::engine {

// A scope, collected completely.
struct Collected {
  Scope scope;
  const Feed* feed = nullptr;
  std::vector<std::pair<std::string, std::string>> rows;  // key, JSON
  std::string hash;                                       // of keys and rows in their order
  TimeMs snapshot_ms = 0;
  TimeMs finished_ms = 0;
  int64_t bytes = 0;  // of the vendor's answers
};

// A scope that was not collected: failed, or left out for a reason.
struct NotCollected {
  Scope scope;
  bool skipped = false;
  Failure failure;
  TimeMs started_ms = 0;
  TimeMs finished_ms = 0;
};

using Item = std::variant<Collected, NotCollected>;

struct KnownScope {
  std::string hash;
  TimeMs collected_ms = 0;
};

struct AccountFound {
  std::string account, name, status;
};

class Delivery {
 public:
  virtual ~Delivery() = default;
  // What was delivered of this scope before. Called from any worker: must not change meanwhile.
  virtual std::optional<KnownScope> known(const Scope& scope) const = 0;
  // Publishes the items and returns when all of them are safe; `same` gets one flag per item: said
  // nothing new. An error is one of the surroundings, not of an item.
  virtual Result<std::vector<bool>> deliver(const std::vector<Item>& items) = 0;
  virtual Status remember_accounts(const std::vector<AccountFound>& accounts) = 0;
};

}  // namespace sujip::engine
