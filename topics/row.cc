#include "topics/row.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "core/short_bytes.h"
#include "topics/row_json.h"

namespace sujip {
namespace {

bool is_text(FieldType type) { return type == FieldType::string || type == FieldType::json; }

constexpr size_t kVarintRoom = 10;

char* write_varint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

// Bitmap of the present fields, then their values. `to` must have room for all of it.
char* write_part(char* to, const Dataset& dataset, const std::vector<int>& fields,
                 const std::vector<FieldValue>& values) {
  char* const bitmap = to;
  const size_t bitmap_size = (fields.size() + 7) / 8;
  std::memset(bitmap, 0, bitmap_size);
  to += bitmap_size;
  for (size_t bit = 0; bit < fields.size(); ++bit) {
    const auto i = static_cast<size_t>(fields[bit]);
    const FieldValue& v = values[i];
    if (!v.present) continue;
    bitmap[bit / 8] = static_cast<char>(static_cast<unsigned char>(bitmap[bit / 8]) | (1U << (bit % 8)));
    const FieldType type = dataset.fields[i].type;
    if (is_text(type)) {
      to = write_varint(to, v.text.size());
      to = copy_short(to, v.text);
    } else if (type == FieldType::boolean) {
      *to++ = static_cast<char>(v.number != 0 ? 1 : 0);
    } else {
      to = write_varint(to, zigzag(v.number));
    }
  }
  return to;
}

bool read_part(const Dataset& dataset, const std::vector<int>& fields, std::string_view part,
               std::vector<FieldValue>& out) {
  const size_t bitmap_size = (fields.size() + 7) / 8;
  if (part.size() < bitmap_size) return false;
  const std::string_view bitmap = part.substr(0, bitmap_size);
  part.remove_prefix(bitmap_size);
  for (size_t bit = 0; bit < fields.size(); ++bit) {
    const auto i = static_cast<size_t>(fields[bit]);
    FieldValue& v = out[i];
    v.present = (static_cast<unsigned char>(bitmap[bit / 8]) >> (bit % 8) & 1U) != 0;
    if (!v.present) continue;
    const FieldType type = dataset.fields[i].type;
    if (type == FieldType::boolean) {
      if (part.empty()) return false;
      v.number = part[0];
      part.remove_prefix(1);
      continue;
    }
    uint64_t raw = 0;
    if (!read_varint(part, raw)) return false;
    if (is_text(type)) {
      if (raw > part.size()) return false;
      v.text = part.substr(0, raw);
      part.remove_prefix(raw);
    } else {
      v.number = unzigzag(raw);
    }
  }
  return true;
}

bool same_value(const FieldValue& a, const FieldValue& b) {
  return a.present == b.present && (!a.present || (a.number == b.number && a.text == b.text));
}

bool has_value(const Field& field, const FieldValue& v) {
  if (!v.present) return false;
  return is_text(field.type) ? !v.text.empty() && v.text != "0" : v.number != 0;
}

}  // namespace

void append_varint(std::string& out, uint64_t value) {
  char bytes[kVarintRoom];
  out.append(bytes, static_cast<size_t>(write_varint(bytes, value) - bytes));
}

RowBuilder::RowBuilder(const Dataset& dataset) : dataset_(&dataset), values_(dataset.fields.size()) {}

void RowBuilder::clear() {
  for (FieldValue& v : values_) v = FieldValue{};
  if (blocks_.size() > 1) blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  used_ = 0;
}

void RowBuilder::set_null(int field) { values_[static_cast<size_t>(field)] = FieldValue{}; }

void RowBuilder::set_number(int field, int64_t value) { values_[static_cast<size_t>(field)] = {true, value, {}}; }

void RowBuilder::set_text(int field, std::string_view value) {
  if (used_ + value.size() > block_size_) {
    block_size_ = std::max<size_t>({4096, 2 * block_size_, value.size()});
    blocks_.push_back(std::make_unique<char[]>(block_size_));
    used_ = 0;
  }
  char* const at = blocks_.empty() ? nullptr : blocks_.back().get() + used_;
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
  used_ += value.size();
  set_text_view(field, {at, value.size()});
}

void RowBuilder::set_text_view(int field, std::string_view value) {
  values_[static_cast<size_t>(field)] = {true, 0, value};
}

int RowBuilder::first_missing() const {
  for (size_t i = 0; i < values_.size(); ++i)
    if (dataset_->fields[i].required && !values_[i].present) return static_cast<int>(i);
  return -1;
}

void RowBuilder::encode(std::string& out) const { encode_row(*dataset_, values_, out); }

// Room for the worst case is made once, so that nothing is checked byte by byte.
void encode_row(const Dataset& dataset, const std::vector<FieldValue>& values, std::string& out) {
  size_t room = kVarintRoom + 2 * (values.size() / 8 + 1);
  for (const FieldValue& v : values) room += kVarintRoom + v.text.size();
  const size_t start = out.size();
  out.resize(start + room);
  char* const base = out.data() + start;
  char* const body = base + kVarintRoom;  // its length stands before it, and is known only afterwards
  const auto size = static_cast<size_t>(write_part(body, dataset, dataset.canonical_fields, values) - body);
  char* at = write_varint(base, size);
  std::memmove(at, body, size);
  at = write_part(at + size, dataset, dataset.volatile_fields, values);
  out.resize(static_cast<size_t>(at - out.data()));
}

bool read_varint(std::string_view& in, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

std::string_view canonical_part(std::string_view row) {
  uint64_t size = 0;
  if (!read_varint(row, size) || size > row.size()) return {};
  return row.substr(0, size);
}

bool decode_row(const Dataset& dataset, std::string_view row, std::vector<FieldValue>& out) {
  out.assign(dataset.fields.size(), FieldValue{});
  uint64_t size = 0;
  if (!read_varint(row, size) || size > row.size()) return false;
  return read_part(dataset, dataset.canonical_fields, row.substr(0, size), out) &&
         read_part(dataset, dataset.volatile_fields, row.substr(size), out);
}

bool differs_only_in_minor(const Dataset& dataset, const std::vector<FieldValue>& a, const std::vector<FieldValue>& b) {
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    const Field& f = dataset.fields[i];
    if (!f.minor && !f.is_volatile && !same_value(a[i], b[i])) return false;
  }
  return true;
}

bool is_zeroed(const Dataset& dataset, const std::vector<FieldValue>& before, const std::vector<FieldValue>& after) {
  const auto any = [&](const std::vector<FieldValue>& row) {
    for (const int i : dataset.guarded) {
      const auto n = static_cast<size_t>(i);
      if (has_value(dataset.fields[n], row[n])) return true;
    }
    return false;
  };
  return any(before) && !any(after);
}

KeyHash combined_hash(const Dataset& dataset, const std::vector<int>& fields, const std::vector<FieldValue>& row) {
  thread_local std::string bytes;
  size_t room = 0;
  for (const int i : fields) room += 1 + kVarintRoom + row[static_cast<size_t>(i)].text.size();
  if (bytes.size() < room) bytes.resize(2 * room);
  char* at = bytes.data();
  for (const int i : fields) {
    const auto n = static_cast<size_t>(i);
    const FieldValue& v = row[n];
    *at++ = v.present ? '\1' : '\0';
    if (is_text(dataset.fields[n].type)) {
      at = write_varint(at, v.text.size());
      at = copy_short(at, v.text);
    } else {
      at = write_varint(at, zigzag(v.number));
    }
  }
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), static_cast<size_t>(at - bytes.data()));
  return {h.high64, h.low64};
}

KeyHash key_hash(const Dataset& dataset, const std::vector<FieldValue>& row) {
  return combined_hash(dataset, dataset.key, row);
}

uint64_t scope_hash(std::string_view subject) { return XXH3_64bits(subject.data(), subject.size()); }

Scope row_scope(const Dataset& dataset, const std::vector<FieldValue>& row) {
  const auto text = [&](size_t i) {
    const auto n = static_cast<size_t>(dataset.scope[i]);
    return value_text(dataset.fields[n], row[n]);
  };
  return {text(0), text(1), dataset.name, dataset.scope.size() > 2 ? text(2) : ""};
}

}  // namespace sujip
