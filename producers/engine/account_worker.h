#pragma once
// One account: its status, then its reports day by day.

#include <functional>

#include "producers/engine/engine.h"
#include "producers/engine/rate_limit.h"
#include "producers/engine/stream_set.h"

namespace sujip::engine {

struct AccountTask {
  std::string account;
  Value partition;
};

// What workers share. Everything here may be used from many threads.
struct WorkerContext {
  const CollectContext& collect;
  RateLimits& limits;
  Value config;  // with start_date and end_date
  Day today;
  std::function<void(Item)> hand_over;
  std::function<void(AccountFound)> found;
};

Session make_session(const ApiSource& source, HttpTransport& http, Pace& pace, RateLimits& limits, Value config);
// Reads a slice of a feed into an item, whatever comes of it.
Item collect_scope(Session& session, const Feed& feed, const Stream& stream, const Slice& slice, const Scope& scope,
                   Records* records_out = nullptr);
void collect_account(const WorkerContext& context, const AccountTask& task);

}  // namespace sujip::engine
