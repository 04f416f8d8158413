#pragma once
// Is every segment what its line in the manifest says?

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/manifest.h"

namespace sujip::archive {

struct Verified {
  int64_t segments = 0;
  int64_t records = 0;
  int64_t bytes = 0;
  std::vector<Error> damage;             // one per segment or manifest
  std::vector<std::string> left_behind;  // files no line speaks of: a kill left them
  bool stopped = false;
};

// Reads all of it. `progress` is called for every segment with its path.
Result<Verified> verify(const std::string& dir, const std::vector<std::string>& topics, const std::stop_token& stop,
                        const std::function<void(const Verified&, const std::string&)>& progress);

}  // namespace sujip::archive
