#pragma once
// sujip.feed_file: which content of which file was accepted.

#include <string>
#include <vector>

#include "core/postgres/connection.h"
#include "producers/files/feed_memory.h"

namespace sujip::registry {

// Everything that is known about a source, in one query.
Result<feeds::FeedMemory> load_feed_memory(pg::Connection& db, const std::string& source);

// One statement for all of them.
Status store_accepted(pg::Connection& db, const std::string& source, const std::vector<feeds::AcceptedFile>& files);

}  // namespace sujip::registry
