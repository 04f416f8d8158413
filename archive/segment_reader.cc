#include <fmt/format.h>
#include <xxhash.h>
#include <zstd.h>

#include "archive/segment.h"
#include "topics/row.h"

namespace sujip::archive {
namespace {

constexpr std::string_view kMagic = "SUJIPSG1";

Error damaged(const std::string& path, const std::string& what) {
  return Error{what, path,
               "the file is damaged: put back a copy of it, or archive this topic into a new folder while Kafka "
               "still has it"};
}

Result<std::string> unpack(const std::string& path, std::string_view packed, int64_t raw_bytes) {
  // The size is that of the manifest's line, which has a checksum of its own; one byte more shows what is
  // too long.
  std::string raw(static_cast<size_t>(raw_bytes) + 1, '\0');
  const size_t n = ZSTD_decompress(raw.data(), raw.size(), packed.data(), packed.size());
  if (ZSTD_isError(n) != 0) return damaged(path, std::string("unpacking: ") + ZSTD_getErrorName(n));
  if (n != static_cast<size_t>(raw_bytes))
    return damaged(path, fmt::format("{} bytes unpacked instead of {}", n, raw_bytes));
  raw.resize(n);
  return raw;
}

}  // namespace

Status read_segment(const std::string& folder, const std::string& topic, int32_t partition, const Segment& segment,
                    const std::function<Status(const ArchivedRecord&)>& f) {
  const std::string path = folder + "/" + segment.file;
  SUJIP_TRY(const std::string bytes, read_file(path));
  if (static_cast<int64_t>(bytes.size()) != segment.bytes)
    return damaged(path, fmt::format("{} bytes instead of {}", bytes.size(), segment.bytes));
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  if (const std::string found = fmt::format("{:016x}{:016x}", hash.high64, hash.low64); found != segment.checksum)
    return damaged(path, fmt::format("checksum {} instead of {}", found, segment.checksum));
  if (!std::string_view(bytes).starts_with(kMagic)) return damaged(path, "not a segment");
  SUJIP_TRY(const std::string raw, unpack(path, std::string_view(bytes).substr(kMagic.size()), segment.raw_bytes));

  std::string_view in = raw;
  uint64_t length = 0;
  uint64_t part = 0;
  uint64_t first = 0;
  if (!read_varint(in, length) || length > in.size()) return damaged(path, "no head");
  const std::string_view name = in.substr(0, length);
  in.remove_prefix(length);
  if (!read_varint(in, part) || !read_varint(in, first)) return damaged(path, "no head");
  if (name != topic || static_cast<int32_t>(part) != partition || static_cast<int64_t>(first) != segment.first)
    return damaged(path, fmt::format("a segment of {}/{} from {} on", name, part, first));

  ArchivedRecord record;
  int64_t previous = segment.first;
  for (int64_t n = 0;; ++n) {
    const ReadRecord read = read_record(in, previous, record);
    if (read.kind == ReadRecord::Kind::damaged) return damaged(path, fmt::format("damaged after {} records", n));
    if (read.kind == ReadRecord::Kind::end) {
      if (read.records != n || n != segment.records || read.last_offset != segment.last || previous != segment.last ||
          !in.empty())
        return damaged(path, fmt::format("{} records up to {} instead of {} up to {}", n, previous, segment.records,
                                         segment.last));
      return {};
    }
    previous = record.offset;
    SUJIP_CHECK_OK(f(record));
  }
}

}  // namespace sujip::archive
