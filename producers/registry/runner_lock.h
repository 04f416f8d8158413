#pragma once
// One collector per source: a PostgreSQL advisory lock, held as long as the session lives.

#include <optional>
#include <string>

#include "core/postgres/connection.h"

namespace sujip::registry {

// Empty: the lock is ours now. Otherwise who has it: "sujip collect host:pid, since 12:30:01".
Result<std::string> lock_source(pg::Connection& db, const std::string& source);
Status unlock_source(pg::Connection& db, const std::string& source);

// "sujip collect host:pid": the application name by which the others see us.
std::string runner_name(const std::string& command);

}  // namespace sujip::registry
