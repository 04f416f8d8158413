#include "archive/record.h"

#include "topics/row.h"

namespace sujip::archive {
namespace {

void append_text(std::string& out, std::optional<std::string_view> text) {
  if (!text) {
    append_varint(out, 0);
    return;
  }
  append_varint(out, text->size() + 1);
  out += *text;
}

bool read_bytes(std::string_view& in, uint64_t size, std::string_view& out) {
  if (size > in.size()) return false;
  out = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

bool read_text(std::string_view& in, std::optional<std::string_view>& out) {
  uint64_t size = 0;
  if (!read_varint(in, size)) return false;
  out.reset();
  if (size == 0) return true;
  std::string_view bytes;
  if (!read_bytes(in, size - 1, bytes)) return false;
  out = bytes;
  return true;
}

std::optional<std::string_view> maybe(const void* data, size_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(data), size);
}

bool read_body(std::string_view& in, int64_t previous_offset, ArchivedRecord& out) {
  uint64_t step = 0;
  uint64_t time = 0;
  uint64_t headers = 0;
  if (!read_varint(in, step) || !read_varint(in, time) || !read_text(in, out.key) || !read_text(in, out.value) ||
      !read_varint(in, headers))
    return false;
  out.offset = previous_offset + static_cast<int64_t>(step);
  out.timestamp_ms = unzigzag(time);
  out.headers.clear();
  for (; headers > 0; --headers) {
    uint64_t size = 0;
    kafka::Header header;
    std::optional<std::string_view> value;
    if (!read_varint(in, size) || !read_bytes(in, size, header.name) || !read_text(in, value)) return false;
    if (value) header.value = *value;
    out.headers.push_back(header);
  }
  return true;
}

}  // namespace

void read_message(const rd_kafka_message_t& message, ArchivedRecord& out) {
  out.offset = message.offset;
  out.timestamp_ms = kafka::timestamp_of(message);
  out.key = maybe(message.key, message.key_len);
  out.value = maybe(message.payload, message.len);
  out.headers = kafka::headers_of(message);
}

void append_record(std::string& out, const ArchivedRecord& record, int64_t previous_offset) {
  out += '\1';
  append_varint(out, static_cast<uint64_t>(record.offset - previous_offset));
  append_varint(out, zigzag(record.timestamp_ms));
  append_text(out, record.key);
  append_text(out, record.value);
  append_varint(out, record.headers.size());
  for (const kafka::Header& header : record.headers) {
    append_varint(out, header.name.size());
    out += header.name;
    append_text(out, maybe(header.value.data(), header.value.size()));
  }
}

void append_end(std::string& out, int64_t records, int64_t last_offset) {
  out += '\0';
  append_varint(out, static_cast<uint64_t>(records));
  append_varint(out, static_cast<uint64_t>(last_offset));
}

ReadRecord read_record(std::string_view& in, int64_t previous_offset, ArchivedRecord& out) {
  if (in.empty()) return {};
  const char kind = in.front();
  in.remove_prefix(1);
  if (kind == '\1')
    return {read_body(in, previous_offset, out) ? ReadRecord::Kind::record : ReadRecord::Kind::damaged, 0, 0};
  uint64_t records = 0;
  uint64_t last = 0;
  if (kind != '\0' || !read_varint(in, records) || !read_varint(in, last)) return {};
  return {ReadRecord::Kind::end, static_cast<int64_t>(records), static_cast<int64_t>(last)};
}

}  // namespace sujip::archive
