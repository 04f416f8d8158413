#pragma once
// Which topics can be archived.

#include <string>
#include <vector>

#include "core/result.h"
#include "topics/dataset.h"

namespace sujip::archive {

// The raw topics of the declarations, without prefix, sorted.
std::vector<std::string> raw_topics_of(const Datasets& datasets);

// All raw topics, or those asked for. Besides raw topics run.log may be asked for: what collectors said of
// their attempts is in no raw topic.
Result<std::vector<std::string>> choose_topics(const Datasets& datasets, const std::vector<std::string>& asked);

}  // namespace sujip::archive
