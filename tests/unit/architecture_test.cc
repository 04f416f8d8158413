// Which room may know which, held by reading the #include lines. A new arrow is a line in a table here,
// and a thought before it.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace sujip {
namespace {

struct Line {
  std::string file;  // relative to the root
  int number = 0;
  std::string text;
};

// All lines of our C++ sources outside of tests, without comment lines.
const std::vector<Line>& lines() {
  static const std::vector<Line> all = [] {
    namespace fs = std::filesystem;
    std::vector<Line> out;
    const fs::path root(SUJIP_SOURCE_DIR);
    for (const char* room : {"core", "topics", "producers", "processors", "sinks", "monitoring", "archive", "cli"})
      for (fs::recursive_directory_iterator it(root / room), end; it != end; ++it) {
        if (it->is_directory() && it->path().filename() == "node_modules") {
          it.disable_recursion_pending();
          continue;
        }
        const auto extension = it->path().extension();
        if (extension != ".h" && extension != ".cc") continue;
        std::ifstream in(it->path());
        std::string text;
        for (int n = 1; std::getline(in, text); ++n) {
          const size_t first = text.find_first_not_of(' ');
          if (first != text.npos && text.compare(first, 2, "//") == 0) continue;
          out.push_back({fs::relative(it->path(), root).string(), n, text});
        }
      }
    return out;
  }();
  return all;
}

std::string room_of(const std::string& path) { return path.substr(0, path.find('/')); }

std::string place(const Line& line) { return line.file + ":" + std::to_string(line.number) + ": " + line.text; }

TEST(Architecture, ThereIsSomethingToLookAt) {
  std::set<std::string> rooms;
  for (const Line& line : lines()) rooms.insert(room_of(line.file));
  EXPECT_EQ(rooms, (std::set<std::string>{"core", "topics", "producers", "processors", "sinks", "monitoring", "archive",
                                          "cli"}));
}

TEST(Architecture, ArrowsPointOneWay) {
  const std::map<std::string, std::set<std::string>> may_include = {
      {"core", {"core"}},
      {"topics", {"topics", "core"}},
      {"producers", {"producers", "topics", "core"}},
      {"processors", {"processors", "topics", "core"}},
      {"sinks", {"sinks", "topics", "core"}},
      {"monitoring", {"monitoring", "topics", "core"}},
      {"archive", {"archive", "topics", "core"}},
      {"cli", {"cli", "archive", "producers", "processors", "sinks", "monitoring", "topics", "core"}},
  };
  const std::regex include("^ *# *include \"([^\"]+)\"");
  for (const Line& line : lines()) {
    std::smatch match;
    if (line.text.find("include") == line.text.npos || !std::regex_search(line.text, match, include)) continue;
    const std::string target = match[1];
    ASSERT_NE(target.find('/'), std::string::npos) << place(line) << ": write the path from the root";
    EXPECT_TRUE(may_include.at(room_of(line.file)).contains(room_of(target))) << place(line);
  }
}

// A library's headers stay behind one of our own, so that it can be replaced there.
TEST(Architecture, LibrariesHaveOnePlace) {
  struct Rule {
    const char* header;
    std::vector<std::string> allowed;  // folders end in '/'
  };
  const Rule rules[] = {
      {"#include <rocksdb/", {"processors/store/"}},
      {"#include <boost/beast", {"core/http/"}},
      {"#include <curl/", {"core/http/"}},
      {"#include <libpq-fe.h>", {"core/postgres/"}},
      {"#include <pqxx/", {}},
      // Messages are handed on as they are (envelope); the doctor asks for the version.
      {"#include <librdkafka/", {"core/kafka/", "topics/envelope.h", "cli/doctor.cc"}},
      {"#include <prometheus/", {"core/", "producers/", "processors/", "sinks/", "monitoring/", "cli/"}},
      {"#include <spdlog/", {"core/"}},
      {"#include <CLI/",
       {"cli/", "topics/commands.", "producers/", "processors/commands.", "sinks/", "monitoring/", "archive/commands.",
        "core/"}},
      {"#include <zstd.h>", {"archive/segment_"}},
      {"#include <yaml-cpp/", {"core/", "topics/", "producers/", "processors/normalize/", "sinks/", "monitoring/"}},
  };
  for (const Line& line : lines())
    for (const Rule& rule : rules) {
      if (!line.text.starts_with(rule.header)) continue;
      EXPECT_TRUE(std::any_of(rule.allowed.begin(), rule.allowed.end(), [&](const std::string& a) {
        return line.file.starts_with(a);
      })) << place(line);
    }
}

TEST(Architecture, TopicNamesAreSpelledInTopicsOnly) {
  // Telling kinds of topics apart by their first word is not naming one.
  const std::set<std::string> tells_kinds = {"processors/entity/entity_restore.cc", "processors/rollup/rollup_task.cc",
                                             "sinks/postgres/dead_letters.cc", "sinks/postgres/loads.cc",
                                             "cli/shown_record.cc"};
  const std::regex name("\"(raw|change|scope|rollup|distinct|delta|run|dead)\\.([a-z_]*)\"");
  std::set<std::string> used;
  for (const Line& line : lines()) {
    std::smatch match;
    if (room_of(line.file) == "topics" || line.text.find('"') == line.text.npos ||
        !std::regex_search(line.text, match, name))
      continue;
    if (match[2].length() == 0 && tells_kinds.contains(line.file)) {
      used.insert(line.file);
      continue;
    }
    ADD_FAILURE() << place(line) << ": names come from topics/catalogue.h";
  }
  EXPECT_EQ(used, tells_kinds) << "an exception that is not needed any more";
}

// Tasks are pure: no clock, no I/O, no broker.
TEST(Architecture, TasksKnowNeitherClockNorBroker) {
  const std::regex forbidden(
      "now_ms\\(|system_clock|steady_clock|#include \"core/(kafka|postgres|http)/|<fstream>|"
      "random_device");
  for (const Line& line : lines())
    for (const char* folder : {"processors/entity/", "processors/rollup/", "processors/coordinator/",
                               "processors/normalize/", "processors/task.h"})
      if (line.file.starts_with(folder) && line.file != "processors/normalize/mapping_file.cc" &&
          std::regex_search(line.text, forbidden))
        ADD_FAILURE() << place(line);
}

// A name in the catalogue that nobody sets is a promise to dashboards that nobody keeps.
TEST(Architecture, EveryMetricIsSetSomewhere) {
  std::set<std::string> unset;
  const std::regex entry("^ *\\{\"([a-z_]+)\", Kind::.*");
  for (const Line& line : lines())
    if (std::smatch match; line.file == "core/metrics.cc" && std::regex_match(line.text, match, entry))
      unset.insert(match[1]);
  EXPECT_GT(unset.size(), 40U);
  for (const Line& line : lines()) {
    if (line.file == "core/metrics.cc") continue;
    std::erase_if(unset, [&](const std::string& name) { return line.text.find('"' + name + '"') != line.text.npos; });
  }
  EXPECT_EQ(unset, std::set<std::string>());
}

TEST(Architecture, NoFolderIsALumberRoom) {
  for (const Line& line : lines())
    for (const char* name : {"utils", "util", "common", "manager", "helpers", "misc"}) {
      const std::string folder = std::string("/") + name + "/";
      const std::string file = std::string("/") + name + ".";
      ASSERT_EQ(line.file.find(folder), std::string::npos) << line.file;
      ASSERT_EQ(line.file.find(file), std::string::npos) << line.file;
    }
}

TEST(Architecture, HeadersBeginWithPragmaOnce) {
  std::map<std::string, bool> headers;
  for (const Line& line : lines())
    if (line.file.ends_with(".h")) headers[line.file] |= line.text == "#pragma once";
  for (const auto& [file, has] : headers) EXPECT_TRUE(has) << file;
}

}  // namespace
}  // namespace sujip
