#pragma once
// The accounts a key can read: as the vendor lists them, and as the work that follows from the list.

#include <string>
#include <vector>

#include "producers/engine/account_worker.h"
#include "producers/engine/delivery.h"
#include "producers/engine/plan.h"
#include "producers/engine/stream_set.h"

namespace sujip::engine {

// The records of the account stream over all its partitions; they count as one scope.
Got<Records> read_account_stream(Session& session, const Stream& stream);

// Id and name by the plan; records without are left out.
std::vector<AccountFound> accounts_of(const Plan& plan, const Session& session, const Records& records);

// An account to be worked on for each partition of `stream`, each account once.
Got<std::vector<AccountTask>> account_tasks(const Plan& plan, Session& session, const Stream& stream,
                                            const std::string& manifest_file);

}  // namespace sujip::engine
