#pragma once
// What may be a secret is not shown, whoever put it into a record.

#include <string>
#include <string_view>

namespace sujip {

// Names like password, client_secret, access-token, Authorization. `account`: in data of accounts, where
// every "…key" is taken for one, too.
bool is_secret_name(std::string_view name, bool account);

// The JSON text with the values of such members, at any depth, replaced by "***". The rest is as it was.
// `json` must be valid.
std::string mask_json(std::string_view json, bool account);

}  // namespace sujip
