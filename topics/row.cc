#include "topics/row.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <iterator>

#include "core/calendar.h"
#include "core/decimal.h"
#include "core/json_text.h"

namespace sujip {
namespace {

bool is_text(FieldType type) { return type == FieldType::string || type == FieldType::json; }

// Encodes the fields with the given volatility: bitmap, then values.
template <class ValueAt>
void encode_part(const Dataset& dataset, bool is_volatile, ValueAt value_at, std::string& out) {
  const size_t bitmap_at = out.size();
  size_t count = 0;
  for (const Field& f : dataset.fields) count += f.is_volatile == is_volatile ? 1 : 0;
  out.append((count + 7) / 8, '\0');
  size_t bit = 0;
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    const Field& f = dataset.fields[i];
    if (f.is_volatile != is_volatile) continue;
    const FieldValue v = value_at(static_cast<int>(i));
    if (v.present) {
      out[bitmap_at + bit / 8] =
          static_cast<char>(static_cast<unsigned char>(out[bitmap_at + bit / 8]) | (1U << (bit % 8)));
      if (is_text(f.type)) {
        append_varint(out, v.text.size());
        out += v.text;
      } else if (f.type == FieldType::boolean) {
        out += static_cast<char>(v.number != 0 ? 1 : 0);
      } else {
        append_varint(out, zigzag(v.number));
      }
    }
    ++bit;
  }
}

bool decode_part(const Dataset& dataset, bool is_volatile, std::string_view part,
                 std::vector<FieldValue>& out) {
  size_t count = 0;
  for (const Field& f : dataset.fields) count += f.is_volatile == is_volatile ? 1 : 0;
  const size_t bitmap_size = (count + 7) / 8;
  if (part.size() < bitmap_size) return false;
  const std::string_view bitmap = part.substr(0, bitmap_size);
  part.remove_prefix(bitmap_size);
  size_t bit = 0;
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    const Field& f = dataset.fields[i];
    if (f.is_volatile != is_volatile) continue;
    FieldValue& v = out[i];
    v.present = (static_cast<unsigned char>(bitmap[bit / 8]) >> (bit % 8) & 1U) != 0;
    ++bit;
    if (!v.present) continue;
    if (f.type == FieldType::boolean) {
      if (part.empty()) return false;
      v.number = part[0];
      part.remove_prefix(1);
      continue;
    }
    uint64_t raw = 0;
    if (!read_varint(part, raw)) return false;
    if (is_text(f.type)) {
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
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
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

RowBuilder::RowBuilder(const Dataset& dataset) : dataset_(&dataset), slots_(dataset.fields.size()) {}

void RowBuilder::clear() {
  for (Slot& s : slots_) s = Slot{};
  texts_.clear();
}

void RowBuilder::set_null(int field) { slots_[static_cast<size_t>(field)] = Slot{}; }

void RowBuilder::set_number(int field, int64_t value) {
  slots_[static_cast<size_t>(field)] = {true, value, 0, 0};
}

void RowBuilder::set_text(int field, std::string_view value) {
  slots_[static_cast<size_t>(field)] = {true, 0, texts_.size(), value.size()};
  texts_ += value;
}

FieldValue RowBuilder::value(int field) const {
  const Slot& s = slots_[static_cast<size_t>(field)];
  return {s.present, s.number, std::string_view(texts_).substr(s.at, s.size)};
}

int RowBuilder::first_missing() const {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (dataset_->fields[i].required && !slots_[i].present) return static_cast<int>(i);
  return -1;
}

void RowBuilder::encode(std::string& out) const {
  thread_local std::string canonical;
  canonical.clear();
  const auto value_at = [this](int i) { return value(i); };
  encode_part(*dataset_, false, value_at, canonical);
  append_varint(out, canonical.size());
  out += canonical;
  encode_part(*dataset_, true, value_at, out);
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
  return decode_part(dataset, false, row.substr(0, size), out) &&
         decode_part(dataset, true, row.substr(size), out);
}

bool differs_only_in_minor(const Dataset& dataset, const std::vector<FieldValue>& a,
                           const std::vector<FieldValue>& b) {
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    const Field& f = dataset.fields[i];
    if (!f.minor && !f.is_volatile && !same_value(a[i], b[i])) return false;
  }
  return true;
}

bool is_zeroed(const Dataset& dataset, const std::vector<FieldValue>& before,
               const std::vector<FieldValue>& after) {
  const auto any = [&](const std::vector<FieldValue>& row) {
    for (const int i : dataset.guarded) {
      const auto n = static_cast<size_t>(i);
      if (has_value(dataset.fields[n], row[n])) return true;
    }
    return false;
  };
  return any(before) && !any(after);
}

void append_value_json(std::string& out, const Field& field, const FieldValue& v) {
  if (!v.present) {
    out += "null";
    return;
  }
  switch (field.type) {
    case FieldType::string: append_json_string(out, v.text); return;
    case FieldType::json: out += v.text; return;
    case FieldType::integer: append_decimal(out, v.number, 0); return;
    case FieldType::decimal: append_decimal(out, v.number, field.scale); return;
    case FieldType::boolean: out += v.number != 0 ? "true" : "false"; return;
    case FieldType::date:
      out += '"';
      Day{static_cast<int32_t>(v.number)}.append_to(out);
      out += '"';
      return;
    case FieldType::timestamp:
      out += '"';
      append_utc(out, v.number);
      out += '"';
      return;
  }
}

std::string value_text(const Field& field, const FieldValue& value) {
  if (!value.present) return {};
  if (is_text(field.type)) return std::string(value.text);
  std::string out;
  append_value_json(out, field, value);
  if (!out.empty() && out.front() == '"') return out.substr(1, out.size() - 2);
  return out;
}

void append_row_json(std::string& out, const Dataset& dataset, const std::vector<FieldValue>& row) {
  out += '{';
  for (size_t i = 0; i < dataset.fields.size(); ++i) {
    if (i > 0) out += ',';
    out += '"';
    out += dataset.fields[i].name;
    out += "\":";
    append_value_json(out, dataset.fields[i], row[i]);
  }
  out += '}';
}

void append_key_json(std::string& out, const Dataset& dataset, const std::vector<FieldValue>& row) {
  out += '{';
  bool first = true;
  for (const int i : dataset.key) {
    const auto n = static_cast<size_t>(i);
    if (!first) out += ',';
    first = false;
    out += '"';
    out += dataset.fields[n].name;
    out += "\":";
    append_value_json(out, dataset.fields[n], row[n]);
  }
  out += '}';
}

KeyHash combined_hash(const Dataset& dataset, const std::vector<int>& fields,
                      const std::vector<FieldValue>& row) {
  thread_local std::string bytes;
  bytes.clear();
  for (const int i : fields) {
    const auto n = static_cast<size_t>(i);
    const FieldValue& v = row[n];
    bytes += v.present ? '\1' : '\0';
    if (is_text(dataset.fields[n].type)) {
      append_varint(bytes, v.text.size());
      bytes += v.text;
    } else {
      append_varint(bytes, zigzag(v.number));
    }
  }
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.high64, h.low64};
}

KeyHash key_hash(const Dataset& dataset, const std::vector<FieldValue>& row) {
  return combined_hash(dataset, dataset.key, row);
}

uint64_t scope_hash(std::string_view subject) { return XXH3_64bits(subject.data(), subject.size()); }

}  // namespace sujip
