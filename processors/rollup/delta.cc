#include "processors/rollup/delta.h"

#include <algorithm>
#include <cstring>

#include "core/json_text.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

constexpr uint64_t kVersion = 1;

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool DayDelta::is_zero() const {
  if (rows != 0) return false;
  for (const Int128 s : sums)
    if (s != 0) return false;
  return std::all_of(distinct.begin(), distinct.end(), [](const auto& values) {
    return std::all_of(values.begin(), values.end(), [](const auto& v) { return v.second == 0; });
  });
}

std::vector<RollupShape> rollup_shapes(const Dataset& dataset) {
  std::vector<RollupShape> out;
  for (const RollupSet& set : dataset.rollups) {
    RollupShape shape;
    shape.dataset = &dataset;
    shape.set = &set;
    for (int m = 0; m < static_cast<int>(dataset.measures.size()); ++m)
      (dataset.measures[static_cast<size_t>(m)].kind == Measure::Kind::sum ? shape.sums
                                                                           : shape.distinct)
          .push_back(m);
    shape.accounts = !(contains(set.dimensions, dataset.scope[0]) &&
                       contains(set.dimensions, dataset.scope[1]));
    if (dataset.currency) shape.key_fields.push_back(*dataset.currency);
    for (const int d : set.dimensions)
      if (!contains(shape.key_fields, d)) shape.key_fields.push_back(d);
    out.push_back(std::move(shape));
  }
  return out;
}

const RollupShape* find_shape(const std::vector<RollupShape>& shapes, std::string_view grain) {
  for (const RollupShape& s : shapes)
    if (s.set->grain == grain) return &s;
  return nullptr;
}

std::string rollup_key(const RollupShape& shape, const std::vector<FieldValue>& row) {
  std::string out = "{";
  append_json_field(out, "dataset", shape.dataset->name);
  append_json_field(out, "grain", shape.set->grain);
  for (const int i : shape.key_fields) {
    const Field& field = shape.dataset->fields[static_cast<size_t>(i)];
    append_json_name(out, field.name);
    append_value_json(out, field, row[static_cast<size_t>(i)]);
  }
  return out + "}";
}

void append_zigzag128(std::string& out, Int128 value) {
  auto u = (static_cast<unsigned __int128>(value) << 1) ^ static_cast<unsigned __int128>(value >> 127);
  while (u >= 0x80) {
    out += static_cast<char>(static_cast<unsigned char>(u) | 0x80);
    u >>= 7;
  }
  out += static_cast<char>(u);
}

bool read_zigzag128(std::string_view& in, Int128& value) {
  unsigned __int128 u = 0;
  for (int shift = 0; shift < 128 && !in.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    u |= static_cast<unsigned __int128>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      value = static_cast<Int128>(u >> 1) ^ -static_cast<Int128>(u & 1);
      return true;
    }
  }
  return false;
}

std::string encode_deltas(const std::map<int32_t, DayDelta>& days) {
  std::string out;
  append_varint(out, kVersion);
  append_varint(out, days.size());
  for (const auto& [day, delta] : days) {
    append_varint(out, zigzag(day));
    append_varint(out, zigzag(delta.rows));
    for (const Int128 s : delta.sums) append_zigzag128(out, s);
    for (const auto& values : delta.distinct) {
      // Sorted, so that the same changes give the same bytes.
      std::vector<std::pair<KeyHash, int64_t>> sorted;
      for (const auto& v : values)
        if (v.second != 0) sorted.push_back(v);
      std::sort(sorted.begin(), sorted.end());
      append_varint(out, sorted.size());
      for (const auto& [hash, count] : sorted) {
        char bytes[16];
        std::memcpy(bytes, &hash.high, 8);
        std::memcpy(bytes + 8, &hash.low, 8);
        out.append(bytes, 16);
        append_varint(out, zigzag(count));
      }
    }
  }
  return out;
}

bool decode_deltas(const RollupShape& shape, std::string_view in, std::map<int32_t, DayDelta>& out) {
  uint64_t version = 0;
  uint64_t days = 0;
  if (!read_varint(in, version) || version != kVersion || !read_varint(in, days)) return false;
  for (uint64_t d = 0; d < days; ++d) {
    uint64_t day = 0;
    uint64_t rows = 0;
    if (!read_varint(in, day) || !read_varint(in, rows)) return false;
    DayDelta delta;
    delta.rows = unzigzag(rows);
    delta.sums.resize(shape.sums.size());
    for (Int128& s : delta.sums)
      if (!read_zigzag128(in, s)) return false;
    delta.distinct.resize(shape.distinct_count());
    for (auto& values : delta.distinct) {
      uint64_t n = 0;
      if (!read_varint(in, n)) return false;
      for (uint64_t i = 0; i < n; ++i) {
        KeyHash hash;
        uint64_t count = 0;
        if (in.size() < 16) return false;
        std::memcpy(&hash.high, in.data(), 8);
        std::memcpy(&hash.low, in.data() + 8, 8);
        in.remove_prefix(16);
        if (!read_varint(in, count)) return false;
        values[hash] = unzigzag(count);
      }
    }
    out[static_cast<int32_t>(unzigzag(day))] = std::move(delta);
  }
  return in.empty();
}

DeltaCollector::DeltaCollector(const Dataset& dataset)
    : dataset_(&dataset), shapes_(rollup_shapes(dataset)) {}

void DeltaCollector::add(const std::vector<FieldValue>& row, int sign) {
  if (shapes_.empty()) return;
  const FieldValue& date = row[static_cast<size_t>(*dataset_->date)];
  if (!date.present) return;
  const auto day = static_cast<int32_t>(date.number);
  for (size_t s = 0; s < shapes_.size(); ++s) {
    const RollupShape& shape = shapes_[s];
    KeyHash id = combined_hash(*dataset_, shape.key_fields, row);
    id.high ^= s * 0x9e3779b97f4a7c15ULL;
    Group& group = groups_[id];
    if (group.key.empty()) group.key = rollup_key(shape, row);
    DayDelta& delta = group.days[day];
    delta.rows += sign;
    delta.sums.resize(shape.sums.size());
    for (size_t i = 0; i < shape.sums.size(); ++i) {
      const Measure& m = dataset_->measures[static_cast<size_t>(shape.sums[i])];
      const FieldValue& v = row[static_cast<size_t>(m.fields[0])];
      if (v.present) delta.sums[i] += static_cast<Int128>(v.number) * sign;
    }
    delta.distinct.resize(shape.distinct_count());
    for (size_t i = 0; i < shape.distinct.size(); ++i) {
      const Measure& m = dataset_->measures[static_cast<size_t>(shape.distinct[i])];
      delta.distinct[i][combined_hash(*dataset_, m.fields, row)] += sign;
    }
    if (shape.accounts)
      delta.distinct.back()[combined_hash(*dataset_, {dataset_->scope[0], dataset_->scope[1]}, row)] +=
          sign;
  }
}

void DeltaCollector::emit(Outputs& outputs) {
  for (auto& [id, group] : groups_) {
    std::erase_if(group.days, [](const auto& day) { return day.second.is_zero(); });
    if (group.days.empty()) continue;
    outputs.emit(topics::kDeltaRollup, Outputs::kByKey, group.key, encode_deltas(group.days));
  }
  groups_.clear();
}

}  // namespace sujip
