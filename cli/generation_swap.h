#pragma once
// Showing another generation to readers: all views and the row that says so, in one transaction.

#include <chrono>

#include "core/postgres/connection.h"
#include "topics/generation.h"

namespace sujip {

// A statement locks the views it names one after the other, and a transaction keeps them to its end. Whoever has
// touched one of them keeps the swap waiting, so nobody ever sees a mix; and the swap waits so shortly at
// a time that nobody waits for it in a circle. An error when there is no gap before `deadline`.
Status swap_views(pg::Connection& connection, const topics::Generation& to,
                  std::chrono::steady_clock::time_point deadline);

}  // namespace sujip
