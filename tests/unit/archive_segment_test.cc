// Segments and manifests: what comes back is what went in, or an error that says what is damaged; and a
// kill between any two steps of writing leaves something the next archive can go on from.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "archive/catalogue_of.h"
#include "archive/manifest.h"
#include "archive/restored.h"
#include "archive/verify.h"
#include "tests/unit/support/sales.h"
#include "tests/unit/support/temp_dir.h"

namespace sujip::archive {
namespace {

namespace fs = std::filesystem;

// A record that owns its texts.
struct Written {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  friend bool operator==(const Written&, const Written&) = default;
};

ArchivedRecord view(const Written& w) {
  ArchivedRecord out;
  out.offset = w.offset;
  out.timestamp_ms = w.timestamp_ms;
  if (w.key) out.key = *w.key;
  if (w.value) out.value = *w.value;
  for (const auto& [name, value] : w.headers)
    out.headers.push_back({name, value ? std::string_view(*value) : std::string_view()});
  return out;
}

Written own(const ArchivedRecord& r) {
  Written out;
  out.offset = r.offset;
  out.timestamp_ms = r.timestamp_ms;
  if (r.key) out.key = std::string(*r.key);
  if (r.value) out.value = std::string(*r.value);
  for (const kafka::Header& h : r.headers)
    out.headers.emplace_back(h.name, h.value.data() == nullptr ? std::nullopt : std::optional(std::string(h.value)));
  return out;
}

std::vector<Written> some_records() {
  std::vector<Written> out = {
      {7, 1795270162191, "key", "value", {{"ce_run", "r1"}, {"ce_run", "again"}, {"none", std::nullopt}}},
      {8, 0, std::nullopt, std::nullopt, {}},
      {9, -5, "", "", {{"", std::string(300, 'x')}}},
      {12, 1795270162190, std::string("\0\xff\n", 3), std::nullopt, {}},
      {4000000000000, 5, "한글", std::string(1000, 'v'), {}},
  };
  for (int i = 1; i < 400; ++i) out.push_back({4000000000000 + i, i, std::to_string(i), std::to_string(i * i), {}});
  return out;
}

class Archives : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_identity(dir(), {"id", "cluster", "p."}).ok());
    ASSERT_TRUE(write_topic(dir(), kTopic, 2).ok());
  }
  std::string dir() const { return dir_.path(); }
  std::string folder() const { return partition_folder(dir(), kTopic, 1); }
  std::string file() const { return folder() + "/" + segment_name(7); }

  Segment write(const std::vector<Written>& records) const {
    auto writer = SegmentWriter::create(folder(), kTopic, 1, records.front().offset);
    EXPECT_TRUE(writer.ok());
    for (const Written& w : records) EXPECT_TRUE(writer->add(view(w)).ok());
    auto segment = writer->finish();
    EXPECT_TRUE(segment.ok());
    segment->from = records.front().offset;
    return *segment;
  }
  Result<std::vector<Written>> read(const Segment& segment) const {
    std::vector<Written> out;
    SUJIP_CHECK_OK(read_segment(folder(), kTopic, 1, segment, [&](const ArchivedRecord& r) {
      out.push_back(own(r));
      return Status();
    }));
    return out;
  }
  PartitionArchive partition() const {
    auto out = read_partition(folder());
    EXPECT_TRUE(out.ok()) << out.error().message();
    return out.ok() ? *out : PartitionArchive{};
  }
  Verified verified() const {
    const auto out = verify(dir(), {}, {}, nullptr);
    EXPECT_TRUE(out.ok());
    return out.ok() ? *out : Verified{};
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void put(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  static constexpr const char* kTopic = "raw.order";
  testing::TempDir dir_;
};

TEST_F(Archives, WhatComesBackIsWhatWentIn) {
  const auto records = some_records();
  const Segment segment = write(records);
  EXPECT_EQ(segment.first, 7);
  EXPECT_EQ(segment.last, records.back().offset);
  EXPECT_EQ(segment.next, segment.last + 1);
  EXPECT_EQ(segment.records, static_cast<int64_t>(records.size()));
  EXPECT_EQ(segment.from_ms, -5);
  EXPECT_EQ(segment.to_ms, 1795270162191);
  EXPECT_EQ(segment.tail, record_checksum(view(records.back())));
  EXPECT_EQ(segment.bytes, static_cast<int64_t>(fs::file_size(file())));
  const auto back = read(segment);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(*back, records);
}

TEST_F(Archives, LargeRecordsToo) {
  std::vector<Written> records = {{7, 1, "k", std::string(3 << 20, 'a'), {}},
                                  {8, 2, "k", std::string(1 << 20, 'b'), {}}};
  const auto back = read(write(records));
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(*back, records);
}

TEST_F(Archives, EveryTruncationIsSeen) {
  const Segment segment = write(some_records());
  const std::string whole = content(file());
  for (size_t size = 0; size < whole.size(); size += size < 40 ? 1 : 97) {
    put(file(), whole.substr(0, size));
    const auto back = read(segment);
    ASSERT_FALSE(back.ok()) << size;
    EXPECT_NE(back.error().message().find(file()), std::string::npos);
    // Also when the manifest was made to fit.
    Segment fitted = segment;
    fitted.bytes = static_cast<int64_t>(size);
    ASSERT_FALSE(read(fitted).ok()) << size;
  }
}

TEST_F(Archives, EveryChangedByteIsSeen) {
  const Segment segment = write(some_records());
  const std::string whole = content(file());
  for (size_t at = 0; at < whole.size(); at += at < 40 ? 1 : 61) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    put(file(), damaged);
    const auto back = read(segment);
    ASSERT_FALSE(back.ok()) << at;
    EXPECT_NE(back.error().what.find("checksum"), std::string::npos) << back.error().message();
  }
}

TEST_F(Archives, ASegmentOfAnotherPlaceIsRefused) {
  const Segment segment = write(some_records());
  EXPECT_FALSE(read_segment(folder(), kTopic, 0, segment, [](const ArchivedRecord&) { return Status(); }).ok());
  EXPECT_FALSE(read_segment(folder(), "raw.status", 1, segment, [](const ArchivedRecord&) { return Status(); }).ok());
  Segment wrong = segment;
  ++wrong.records;
  EXPECT_FALSE(read(wrong).ok());
  wrong = segment;
  --wrong.raw_bytes;
  EXPECT_FALSE(read(wrong).ok());
}

TEST_F(Archives, ManifestsComeBackAndKnowWhenTheyAreDamaged) {
  PartitionArchive archive = partition();
  EXPECT_EQ(archive.next(), -1);
  std::vector<Segment> all;
  for (int64_t first : {7, 10, 20}) {
    Segment s = write({{first, 1, "k", "v", {}}, {first + 1, 2, "k", "w", {}}});
    s.from = all.empty() ? 3 : all.back().next;
    s.next = first == 20 ? 30 : first + 2 + first / 10 * 8;  // 9, 20, 30: markers between 12 and 20
    all.push_back(s);
    ASSERT_TRUE(add_segment(archive, s).ok());
  }
  EXPECT_EQ(partition().segments.size(), 3U);
  EXPECT_EQ(partition().next(), 30);
  EXPECT_EQ(partition().records(), 6);
  EXPECT_TRUE(verified().damage.empty());
  EXPECT_EQ(verified().records, 6);

  const std::string path = folder() + "/manifest.jsonl";
  const std::string text = content(path);
  std::string damaged = text;
  damaged[text.find("\"records\":2") + 10] = '3';
  put(path, damaged);
  const auto changed = read_partition(folder());
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().where, path + ":1");
  // A line in the middle is gone.
  const size_t second = text.find('\n') + 1;
  put(path, text.substr(0, second) + text.substr(text.find('\n', second) + 1));
  ASSERT_FALSE(read_partition(folder()).ok());
  EXPECT_EQ(read_partition(folder()).error().where, path + ":2");
  EXPECT_EQ(verified().damage.size(), 1U);
  // The last one is gone: the file without a line is told.
  put(path, text.substr(0, text.rfind('{')));
  EXPECT_EQ(verified().left_behind, std::vector<std::string>{folder() + "/" + segment_name(20)});
  fs::remove_all(partition_folder(dir(), kTopic, 0));
  ASSERT_EQ(verified().damage.size(), 1U);
  EXPECT_EQ(verified().damage[0].what, "the folder is missing");
}

TEST_F(Archives, AKillBetweenAnyTwoStepsLosesNothing) {
  PartitionArchive archive = partition();
  ASSERT_TRUE(add_segment(archive, write({{7, 1, "k", "v", {}}})).ok());
  const std::string path = folder() + "/manifest.jsonl";
  const std::string before = content(path);
  const std::vector<Written> more = {{9, 1, "k", "w", {}}};

  {  // while the segment is being written
    put(folder() + "/" + segment_name(9) + std::string(kPart), "SUJIPSG1 half");
    EXPECT_EQ(partition().next(), 8);
    EXPECT_EQ(verified().left_behind.size(), 1U);
    EXPECT_TRUE(verified().damage.empty());
    (void)write(more);  // over it
    EXPECT_FALSE(fs::exists(folder() + "/" + segment_name(9) + std::string(kPart)));
  }
  {  // after the rename, before its line
    EXPECT_EQ(partition().next(), 8);
    EXPECT_EQ(verified().left_behind.size(), 1U);
  }
  Segment segment = write(more);
  segment.from = 8;
  const std::string line = manifest_line(segment) + "\n";
  for (size_t n = 1; n < line.size(); ++n) {  // while the line is being written
    put(path, before + line.substr(0, n));
    PartitionArchive torn = partition();
    ASSERT_EQ(torn.next(), 8) << n;
    ASSERT_TRUE(torn.torn);
    ASSERT_TRUE(add_segment(torn, segment).ok());
    ASSERT_EQ(content(path), before + line) << n;
  }
  EXPECT_EQ(partition().next(), 10);
  EXPECT_TRUE(verified().damage.empty());
  EXPECT_TRUE(verified().left_behind.empty());
}

TEST_F(Archives, AWriterThatIsDroppedLeavesNothing) {
  {
    auto writer = SegmentWriter::create(folder(), kTopic, 1, 7);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->add(view(some_records().front())).ok());
  }
  EXPECT_TRUE(fs::is_empty(folder()));
}

TEST_F(Archives, OneWriterAtATime) {
  auto first = FolderLock::take(dir());
  ASSERT_TRUE(first.ok());
  const auto second = FolderLock::take(dir());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().what, "somebody else is writing into this archive");
}

TEST_F(Archives, AFolderThatIsNoArchiveIsRefused) {
  const testing::TempDir empty;
  EXPECT_FALSE(verify(empty.path(), {}, {}, nullptr).ok());
  EXPECT_FALSE(verify(empty.path() + "/none", {}, {}, nullptr).ok());
  put(dir() + "/archive.json", R"({"format":2,"id":"x","cluster":"c","prefix":""})");
  ASSERT_FALSE(verify(dir(), {}, {}, nullptr).ok());
  EXPECT_EQ(read_identity(dir()).error().what, "format 2 instead of 1");
}

TEST(ArchiveTopics, RawTopicsAndTheRunLogOnRequest) {
  const auto& datasets = testing::sales_datasets();
  EXPECT_EQ(choose_topics(datasets, {"run.log", "raw.order"}).value(),
            (std::vector<std::string>{"raw.order", "run.log"}));
  EXPECT_EQ(choose_topics(datasets, {}).value(), raw_topics_of(datasets));
  EXPECT_FALSE(choose_topics(datasets, {"change.sale"}).ok());
}

TEST(RestoredNotes, ComeBack) {
  const auto note = RestoredNote::parse(RestoredNote{"abc", 1234}.str());
  ASSERT_TRUE(note);
  EXPECT_EQ(note->archive, "abc");
  EXPECT_EQ(note->end, 1234);
  EXPECT_FALSE(RestoredNote::parse(""));
  EXPECT_FALSE(RestoredNote::parse("archive=abc end="));
  EXPECT_FALSE(RestoredNote::parse("archive=abc end=12x"));
}

}  // namespace
}  // namespace sujip::archive
