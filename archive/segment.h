#pragma once
// Segments: files of consecutive records of one partition.
//
//   "SUJIPSG1"  one zstd frame of:  topic (length, bytes)  partition  first offset  records  end
//
// What a segment holds is also told by its line in the manifest (manifest.h), which has the checksum of
// the file. The end inside the frame makes a segment readable without a manifest.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "archive/durable.h"
#include "archive/record.h"
#include "core/result.h"

namespace sujip::archive {

struct Segment {
  std::string file;   // name within the partition's folder
  int64_t from = 0;   // where reading began: `next` of the segment before it
  int64_t first = 0;  // offsets of the first and the last record
  int64_t last = 0;
  int64_t next = 0;  // up to where it speaks for the topic: markers behind `last` are in it
  int64_t records = 0;
  int64_t bytes = 0;      // of the file
  int64_t raw_bytes = 0;  // unpacked
  std::string checksum;   // XXH3-128 of the file, hex
  std::string tail;       // XXH3-64 of the last record, hex: tells a topic that was made anew
  int64_t from_ms = 0;    // earliest and latest timestamp
  int64_t to_ms = 0;
};

// "00000000000000001234.seg"
std::string segment_name(int64_t first_offset);
// What `Segment::tail` says of a record.
std::string record_checksum(const ArchivedRecord& record);

// Writes one segment. Nothing is there before finish().
class SegmentWriter {
 public:
  static Result<SegmentWriter> create(const std::string& folder, const std::string& topic, int32_t partition,
                                      int64_t first_offset);
  SegmentWriter(SegmentWriter&&) noexcept;
  SegmentWriter& operator=(SegmentWriter&&) = delete;
  ~SegmentWriter();

  Status add(const ArchivedRecord& record);
  int64_t raw_bytes() const;
  int64_t records() const;
  int64_t last_offset() const;
  // At least one record. The file is durable; its line in the manifest is the caller's.
  Result<Segment> finish();

 private:
  struct Impl;
  explicit SegmentWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Reads a segment and checks everything its line says of it: size, checksum, records, offsets. No record
// is handed over before the checksum of the whole file was right. `folder` is the partition's.
Status read_segment(const std::string& folder, const std::string& topic, int32_t partition, const Segment& segment,
                    const std::function<Status(const ArchivedRecord&)>& f);

}  // namespace sujip::archive
