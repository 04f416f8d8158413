#pragma once
// Asks a vendor for as little as possible, to see whether the accounts of a source can be read.

#include <optional>
#include <string>
#include <vector>

#include "producers/engine/engine.h"

namespace sujip::engine {

struct AccountCheck {
  std::string account, name;
  std::optional<Error> trouble;  // empty: the account can be read
};

// Lists the accounts with the source's key and makes one request for each of `only` (empty: for all),
// beside each other. Reads only, publishes nothing. An account of `only` that is not listed is in
// trouble; the error is one of the source as a whole. No text holds a secret.
Result<std::vector<AccountCheck>> check_accounts(const ApiSource& source, const std::string& share,
                                                 const std::vector<std::string>& only);

}  // namespace sujip::engine
