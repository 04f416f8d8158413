// docs/metrics.md is the catalogue, no more and no less.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "core/metrics.h"

namespace sujip {
namespace {

TEST(BoardDocs, ListEveryMetricWithItsHelp) {
  std::ifstream in(SUJIP_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(in);
  std::set<std::string> lines;
  size_t documented = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| `sujip_")) ++documented;
    lines.insert(line);
  }
  for (const metrics::Entry& entry : metrics::catalogue()) {
    const char* kind = entry.kind == metrics::Kind::counter ? "counter"
                       : entry.kind == metrics::Kind::gauge ? "gauge"
                                                            : "histogram";
    const std::string line = "| `sujip_" + std::string(entry.name) + "` | " + kind + " | " + std::string(entry.labels) +
                             " | " + std::string(entry.help) + " |";
    EXPECT_TRUE(lines.contains(line)) << "sujip metrics list prints: " << line;
  }
  EXPECT_EQ(documented, metrics::catalogue().size());
}

}  // namespace
}  // namespace sujip
