#include <fmt/format.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>

#include "archive/segment.h"
#include "topics/row.h"

namespace sujip::archive {
namespace {

constexpr int kLevel = 6;  // 3 packs JSON a tenth worse, 9 takes twice the time
constexpr size_t kChunk = 256 << 10;

std::string checksum(const std::string& bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct HashDeleter {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

}  // namespace

std::string segment_name(int64_t first_offset) { return fmt::format("{:020}.seg", first_offset); }

std::string record_checksum(const ArchivedRecord& record) {
  std::string bytes;
  append_record(bytes, record, record.offset);
  return checksum(bytes);
}

struct SegmentWriter::Impl {
  DurableFile file;
  std::unique_ptr<ZSTD_CCtx, ContextDeleter> context{ZSTD_createCCtx()};
  std::unique_ptr<XXH3_state_t, HashDeleter> hash{XXH3_createState()};
  std::string folder;
  std::string pending;  // not compressed yet
  std::string packed = std::string(ZSTD_CStreamOutSize(), '\0');
  Segment segment;
  int64_t previous = 0;
  std::string tail;  // the last record

  explicit Impl(DurableFile f) : file(std::move(f)) {}

  Status put(std::string_view bytes) {
    XXH3_128bits_update(hash.get(), bytes.data(), bytes.size());
    segment.bytes += static_cast<int64_t>(bytes.size());
    return file.write(bytes);
  }

  Status pack(bool last) {
    segment.raw_bytes += static_cast<int64_t>(pending.size());
    ZSTD_inBuffer in{pending.data(), pending.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{packed.data(), packed.size(), 0};
      const size_t left = ZSTD_compressStream2(context.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left) != 0)
        return Error{std::string("compressing: ") + ZSTD_getErrorName(left), folder + "/" + segment.file, ""};
      SUJIP_CHECK_OK(put({packed.data(), out.pos}));
      if (last ? left == 0 : in.pos == in.size) break;
    }
    pending.clear();
    return {};
  }
};

SegmentWriter::SegmentWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SegmentWriter::SegmentWriter(SegmentWriter&&) noexcept = default;
SegmentWriter::~SegmentWriter() = default;

Result<SegmentWriter> SegmentWriter::create(const std::string& folder, const std::string& topic, int32_t partition,
                                            int64_t first_offset) {
  SUJIP_TRY(DurableFile file, DurableFile::create(folder + "/" + segment_name(first_offset)));
  auto impl = std::make_unique<Impl>(std::move(file));
  impl->folder = folder;
  impl->segment.file = segment_name(first_offset);
  impl->segment.first = impl->previous = impl->segment.last = first_offset;
  ZSTD_CCtx_setParameter(impl->context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(impl->context.get(), ZSTD_c_checksumFlag, 1);
  XXH3_128bits_reset(impl->hash.get());
  SUJIP_CHECK_OK(impl->put("SUJIPSG1"));
  append_varint(impl->pending, topic.size());
  impl->pending += topic;
  append_varint(impl->pending, static_cast<uint64_t>(partition));
  append_varint(impl->pending, static_cast<uint64_t>(first_offset));
  return SegmentWriter(std::move(impl));
}

Status SegmentWriter::add(const ArchivedRecord& record) {
  Impl& self = *impl_;
  Segment& segment = self.segment;
  append_record(self.pending, record, self.previous);
  self.previous = segment.last = record.offset;
  segment.from_ms = segment.records == 0 ? record.timestamp_ms : std::min(segment.from_ms, record.timestamp_ms);
  segment.to_ms = segment.records == 0 ? record.timestamp_ms : std::max(segment.to_ms, record.timestamp_ms);
  ++segment.records;
  self.tail.clear();
  append_record(self.tail, record, record.offset);
  return self.pending.size() >= kChunk ? self.pack(false) : Status();
}

int64_t SegmentWriter::raw_bytes() const {
  return impl_->segment.raw_bytes + static_cast<int64_t>(impl_->pending.size());
}
int64_t SegmentWriter::records() const { return impl_->segment.records; }
int64_t SegmentWriter::last_offset() const { return impl_->segment.last; }

Result<Segment> SegmentWriter::finish() {
  Impl& self = *impl_;
  append_end(self.pending, self.segment.records, self.segment.last);
  SUJIP_CHECK_OK(self.pack(true));
  SUJIP_CHECK_OK(self.file.finish());
  const XXH128_hash_t hash = XXH3_128bits_digest(self.hash.get());
  self.segment.checksum = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  self.segment.next = self.segment.last + 1;
  self.segment.tail = checksum(self.tail);
  return self.segment;
}

}  // namespace sujip::archive
