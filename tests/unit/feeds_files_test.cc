// Files of a source: connector declarations, names, records, refusals with their place, and what is
// decided from what was accepted before.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "producers/files/connector_file.h"
#include "producers/files/feed_memory.h"
#include "producers/files/file_reader.h"
#include "producers/files/offered_file.h"
#include "producers/files/row_encoder.h"

namespace sujip::feeds {
namespace {
namespace fs = std::filesystem;

constexpr const char* kConnector = R"(kind: files
source: shop
account: main
dataset: product
files: "**/*.csv"
name: "(?<section>[^/]+)/(?<time>\\d{4}-\\d{2}-\\d{2}T\\d{6})\\.csv$"
scope: {section: "{section}"}
snapshot_at: "{time}"
encoding: auto
csv: {columns: [id, name, price]}
key: [id]
)";

FileConnector connector(const std::string& yaml = kConnector) {
  auto parsed = parse_file_connector(yaml, "connector.yaml");
  EXPECT_TRUE(parsed.ok()) << parsed.error().message();
  return *parsed;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "feeds-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string write(const std::string& name, const std::string& bytes) const {
    const fs::path file = fs::path(path_) / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file.string();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct BadConnector {
  const char* name;
  std::string yaml;
  int line;
  const char* what;
};
class ConnectorErrors : public ::testing::TestWithParam<BadConnector> {};

TEST_P(ConnectorErrors, NameFileAndLine) {
  const auto parsed = parse_file_connector(GetParam().yaml, "connector.yaml");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().where, "connector.yaml:" + std::to_string(GetParam().line));
  EXPECT_NE(parsed.error().message().find(GetParam().what), std::string::npos) << parsed.error().message();
}

INSTANTIATE_TEST_SUITE_P(
    All, ConnectorErrors,
    ::testing::Values(BadConnector{"unknown_key", replaced(kConnector, "encoding:", "encodign:"), 9, "allowed: kind"},
                      BadConnector{"encoding", replaced(kConnector, "auto", "latin9"), 9, "cp949"},
                      BadConnector{"group", replaced(kConnector, "{time}", "{tim}"), 8, "section, time"},
                      BadConnector{"key_column", replaced(kConnector, "[id]", "[code]"), 11, "csv.columns"},
                      BadConnector{"pattern", replaced(kConnector, "(?<time>", "(?<time>("), 6, "regular"},
                      BadConnector{"two_accounts",
                                   replaced(kConnector, "account: main", "account: main\naccount_from: section"), 1,
                                   "exactly one"},
                      BadConnector{"delimiter", replaced(kConnector, "{columns", "{delimiter: ab, columns"), 10,
                                   "one ASCII character"},
                      BadConnector{"not_yaml", "kind: [files\n", 2, "not YAML"}),
    [](const auto& bad) { return std::string(bad.param.name); });

TEST(Connectors, ShippedOnesLoad) {
  for (const std::string source : {"online_retail", "danawa"}) {
    const auto loaded =
        load_file_connector(std::string(SUJIP_SOURCE_DIR) + "/producers/connectors/" + source + "/connector.yaml");
    ASSERT_TRUE(loaded.ok()) << loaded.error().message();
    const auto files = find_files(loaded->folder + "/samples", loaded->glob);
    ASSERT_TRUE(files.ok());
    EXPECT_GE(files->size(), 2u);
    FileReader reader(*loaded);
    for (const FoundFile& file : *files) {
      EXPECT_TRUE(std::holds_alternative<OfferedFile>(describe(*loaded, file))) << file.name;
      EXPECT_FALSE(reader.check(file.path, file.name)) << file.name;
      EXPECT_GT(reader.facts().rows, 5);
      EXPECT_EQ(reader.facts().rows, static_cast<int64_t>(reader.records().size()));
    }
  }
}

TEST(Names, SayScopeAndTime) {
  const FileConnector feed = connector();
  const auto described = describe(feed, {"", "x/CPU/2020-07-05T174436.csv", 0, 0});
  const auto& offered = std::get<OfferedFile>(described);
  EXPECT_EQ(offered.scope.subject(), "shop/main/product/CPU");
  EXPECT_EQ(utc_text(*offered.snapshot_at), "2020-07-05T08:44:36.000Z");
  EXPECT_TRUE(std::holds_alternative<Refusal>(describe(feed, {"", "CPU/latest.csv", 0, 0})));
  EXPECT_TRUE(std::holds_alternative<Refusal>(describe(feed, {"", "CPU/2020-13-05T174436.csv", 0, 0})));
  const auto said =
      describe(feed, {"", "latest.csv", 0, 0}, {"other", {{"section", "SSD"}, {"time", "20200705_1744"}}});
  EXPECT_EQ(std::get<OfferedFile>(said).scope.subject(), "shop/other/product/SSD");
}

TEST(Names, DaysAndTimesAsPeopleWriteThem) {
  for (const char* text : {"2011-01-05", "20110105", "2011.01.05", "2011_01_05"}) {
    ASSERT_TRUE(parse_name_day(text)) << text;
    EXPECT_EQ(parse_name_day(text)->str(), "2011-01-05");
  }
  EXPECT_FALSE(parse_name_day("2011-02-30"));
  EXPECT_FALSE(parse_name_day("5 Jan 2011"));
  EXPECT_EQ(parse_name_time("20200705-174436", 0), parse_name_time("2020-07-05T174436", 0));
  EXPECT_FALSE(parse_name_time("2020-07-05T250000", 0));
}

TEST(Names, Globs) {
  EXPECT_TRUE(glob_matches("*.csv", "a.csv"));
  EXPECT_FALSE(glob_matches("*.csv", "x/a.csv"));
  EXPECT_TRUE(glob_matches("**/*.csv", "a.csv"));
  EXPECT_TRUE(glob_matches("**/*.csv", "x/y/a.csv"));
  EXPECT_TRUE(glob_matches("*/orders-?.csv", "x/orders-1.csv"));
  EXPECT_FALSE(glob_matches("*/orders-?.csv", "x/orders-12.csv"));
}

TEST(Records, AreJsonOfStringsWithTheNaturalKey) {
  const Folder folder;
  const FileConnector feed = connector();
  FileReader reader(feed);
  const auto path = folder.write("a.csv", "\xEF\xBB\xBFid,name,price\r\n7,\"27\"\" \\ TV\tx\",\"1,204\"\r\n");
  ASSERT_FALSE(reader.check(path, "a.csv"));
  ASSERT_EQ(reader.records().size(), 1u);
  EXPECT_EQ(reader.records().key(0), "7");
  EXPECT_EQ(reader.records().value(0), R"({"id":"7","name":"27\" \\ TV\tx","price":"1,204"})");
}

TEST(Records, Cp949AndUtf8SayTheSame) {
  const Folder folder;
  const FileConnector feed = connector();
  FileReader reader(feed);
  ASSERT_FALSE(reader.check(folder.write("u.csv", "id,name,price\n1,뷁 상품,1\n"), "u.csv"));
  const std::string utf8(reader.records().value(0));
  EXPECT_EQ(reader.facts().charset, Charset::utf8);
  ASSERT_FALSE(reader.check(folder.write("c.csv", "id,name,price\n1,\x94\xEE \xBB\xF3\xC7\xB0,1\n"), "c.csv"));
  EXPECT_EQ(reader.facts().charset, Charset::cp949);
  EXPECT_EQ(reader.records().value(0), utf8);
}

TEST(Records, EqualRowsAreNumbered) {
  const Folder folder;
  const FileConnector feed = connector(replaced(kConnector, "key: [id]", "key: nth_equal_row"));
  FileReader reader(feed);
  ASSERT_FALSE(reader.check(folder.write("a.csv", "id,name,price\n1,a,2\n1,b,2\n1,a,2\n\"1\",\"a\",\"2\"\n"), "a.csv"));
  const Records& records = reader.records();
  ASSERT_EQ(records.size(), 4u);
  const auto hash = [&](size_t i) { return std::string(records.key(i).substr(0, 16)); };
  EXPECT_EQ(records.key(0), hash(0) + "-0");
  EXPECT_EQ(records.key(2), hash(0) + "-1");
  EXPECT_EQ(records.key(3), hash(0) + "-2");  // quotes are not part of the row
  EXPECT_EQ(records.key(1), hash(1) + "-0");
  EXPECT_NE(hash(0), hash(1));
}

TEST(Records, OccurrencesMatchAPlainMap) {
  Occurrences occurrences;
  std::map<uint64_t, uint32_t> plain;
  uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t hash = (state >> 33) % 3000 * 0x1000;  // few, and alike in their low bits
    ASSERT_EQ(occurrences.next(hash), plain[hash]++);
  }
}

TEST(Records, HeaderNamesAreUniqueAndNotEmpty) {
  const std::vector<std::string_view> header = {" id ", "price", "", "price", "price_2"};
  EXPECT_EQ(column_names(header), (std::vector<std::string>{"id", "price", "column_3", "price_2", "price_2_2"}));
}

struct BadFile {
  const char* name;
  std::string bytes;
  int64_t row, column;
  const char* reason;
};
class Refusals : public ::testing::TestWithParam<BadFile> {};

TEST_P(Refusals, NameRowAndColumn) {
  const Folder folder;
  const FileConnector feed = connector(replaced(kConnector, "auto", "utf-8"));
  const auto path = folder.write("bad.csv", GetParam().bytes);
  FileReader reader(feed);
  const auto whole = reader.check(path, "bad.csv");
  const auto streamed = reader.stream(path, "bad.csv", OnRecord{});
  for (const auto& trouble : {whole, streamed}) {
    ASSERT_TRUE(trouble && std::holds_alternative<Refusal>(*trouble));
    const Refusal& refusal = std::get<Refusal>(*trouble);
    EXPECT_EQ(refusal.file, "bad.csv");
    EXPECT_EQ(refusal.row, GetParam().row);
    EXPECT_EQ(refusal.column, GetParam().column);
    EXPECT_NE(refusal.reason.find(GetParam().reason), std::string::npos) << refusal.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Refusals,
                         ::testing::Values(BadFile{"byte", "id,name,price\n1,a,2\n2,\"b,\xC7\",3\n", 3, 2,
                                                   "byte 0xC7 is not UTF-8"},
                                           BadFile{"quote", "id,name,price\n1,a\"b,2\n", 2, 2, "bad quote"},
                                           BadFile{"columns", "id,name,price\n1,a,2\n2,b\n", 3, 2, "2 columns"},
                                           BadFile{"header", "id,title,price\n1,a,2\n", 1, 1, "name missing"},
                                           BadFile{"empty", "", 0, 0, "empty"},
                                           BadFile{"html", "\n<html><body>log in</body></html>", 1, 1, "HTML"},
                                           BadFile{"workbook", "PK\x03\x04xxxx", 1, 1, "xlsx"},
                                           BadFile{"utf32", std::string("\xFF\xFE\0\0i\0\0\0", 8), 1, 1, "UTF-32"}),
                         [](const auto& bad) { return std::string(bad.param.name); });

TEST(Records, StreamedAndKeptAreTheSame) {
  const Folder folder;
  std::string text = "id,name,price\n";
  while (text.size() < 3 * kBlockBytes) {
    text += std::to_string(text.size()) + ",\"이름, 긴\n줄\",\"1,000\"\n";
  }
  const auto path = folder.write("large.csv", text);
  const FileConnector feed = connector();
  FileReader kept(feed);
  ASSERT_FALSE(kept.check(path, "large.csv"));
  FileReader streamed(feed);
  size_t n = 0;
  bool equal = true;
  ASSERT_FALSE(streamed.stream(path, "large.csv", [&](std::string_view key, std::string_view value) {
    equal = equal && n < kept.records().size() && kept.records().key(n) == key && kept.records().value(n) == value;
    ++n;
    return true;
  }));
  EXPECT_TRUE(equal);
  EXPECT_EQ(n, kept.records().size());
  EXPECT_EQ(streamed.facts().content_hash, kept.facts().content_hash);
  EXPECT_EQ(*content_hash_of(path), kept.facts().content_hash);
}

// What is accepted, by day files (each the whole truth of its scope) and by a series.
class Memory : public ::testing::Test {
 protected:
  static OfferedFile day(const std::string& name, int64_t mtime = 1) {
    return {{"/d/" + name, name, 10, mtime}, {"shop", "main", "order_item", "2011-01-05"}, {}};
  }
  static OfferedFile snapshot(const std::string& name, TimeMs at) {
    return {{"/d/" + name, name, 10, 1}, {"shop", "main", "product", "CPU"}, at};
  }
  RunId accept(const OfferedFile& offered, const std::string& hash, TimeMs now) {
    const RunId run = memory_.next_run(offered, now);
    memory_.remember(
        {offered.file.name, hash, offered.file.size, offered.file.mtime_ns, offered.scope.subject(), run, 1, false});
    return run;
  }
  FeedMemory memory_;
};

TEST_F(Memory, AFileIsTakenOncePerContent) {
  EXPECT_EQ(memory_.decide(day("a.csv"), "h1"), Answer::publish);
  accept(day("a.csv"), "h1", 100);
  EXPECT_TRUE(memory_.untouched(day("a.csv").file));
  EXPECT_FALSE(memory_.untouched(day("a.csv", 2).file));
  EXPECT_EQ(memory_.decide(day("a.csv", 2), "h1"), Answer::known);
  EXPECT_EQ(memory_.decide(day("copy.csv"), "h1"), Answer::same);
}

TEST_F(Memory, AChangedFileAndItsReturnArePublished) {
  accept(day("a.csv"), "h1", 100);
  EXPECT_EQ(memory_.decide(day("a.csv"), "h2"), Answer::publish);
  accept(day("a.csv"), "h2", 200);
  EXPECT_EQ(memory_.decide(day("a.csv"), "h1"), Answer::publish);
}

TEST_F(Memory, ByHandTheScopeDecides) {
  accept(day("a.csv"), "h1", 100);
  accept(day("b.csv"), "h2", 200);
  EXPECT_EQ(memory_.decide(day("a.csv"), "h1"), Answer::known);
  EXPECT_EQ(memory_.decide(day("a.csv"), "h1", true), Answer::publish);
  EXPECT_EQ(memory_.decide(day("b.csv"), "h2", true), Answer::same);
}

TEST_F(Memory, EqualSnapshotsOfASeriesAreEvidenceOfTheirOwn) {
  accept(snapshot("1.csv", 1000), "h1", 5000);
  EXPECT_EQ(memory_.decide(snapshot("2.csv", 2000), "h1"), Answer::publish);
  EXPECT_EQ(memory_.decide(snapshot("1-again.csv", 1000), "h1"), Answer::same);
  EXPECT_EQ(memory_.decide(snapshot("1.csv", 1000), "h1"), Answer::known);
}

TEST_F(Memory, RunsGrowAlsoWhenTheClockDoesNot) {
  const RunId first = accept(day("a.csv"), "h1", 1000);
  const RunId second = accept(day("a.csv"), "h2", 1000);
  const RunId third = accept(day("a.csv"), "h3", 10);  // set back
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  // Also after a restart.
  FeedMemory again({{"a.csv", "h3", 10, 1, day("a.csv").scope.subject(), third, 1, false}});
  EXPECT_LT(third, again.next_run(day("a.csv"), 10));
  EXPECT_EQ(again.next_run(snapshot("1.csv", 77), 10).snapshot_ms, 77);
}

TEST(Order, SeriesByTimeOthersByName) {
  std::vector<OfferedFile> files = {{{"", "b", 0, 0}, {}, 30}, {{"", "c", 0, 0}, {}, 10}, {{"", "a", 0, 0}, {}, 20}};
  sort_for_publication(files);
  EXPECT_EQ(files[0].file.name + files[1].file.name + files[2].file.name, "cab");
}

TEST(Folders, AreSearchedWithoutHiddenFiles) {
  const Folder folder;
  folder.write("CPU/a.csv", "x");
  folder.write(".part.csv", "x");
  folder.write(".git/b.csv", "x");
  folder.write("note.txt", "x");
  const auto found = find_files(folder.path(), "**/*.csv");
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().name, "CPU/a.csv");
  EXPECT_FALSE(find_files(folder.path() + "/none", "*.csv").ok());
}

}  // namespace
}  // namespace sujip::feeds
