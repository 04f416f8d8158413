#include "processors/rollup/delta.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/json_text.h"
#include "processors/rollup/as_is_delta.h"
#include "topics/catalogue.h"
#include "topics/row_json.h"

namespace sujip {
namespace {

constexpr uint64_t kVersion = 1;

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

std::vector<RollupShape> rollup_shapes(const Dataset& dataset) {
  std::vector<RollupShape> out;
  for (const RollupSet& set : dataset.rollups) {
    RollupShape shape;
    shape.dataset = &dataset;
    shape.set = &set;
    for (int m = 0; m < static_cast<int>(dataset.measures.size()); ++m) {
      const Measure& measure = dataset.measures[static_cast<size_t>(m)];
      const bool is_sum = measure.kind == Measure::Kind::sum;
      (is_sum ? shape.sums : shape.distinct).push_back(m);
      std::string& name = (is_sum ? shape.sum_names : shape.distinct_names).emplace_back(",");
      append_json_string(name, measure.name);
      name += ':';
    }
    shape.accounts = !(contains(set.dimensions, dataset.scope[0]) && contains(set.dimensions, dataset.scope[1]));
    if (dataset.currency) shape.key_fields.push_back(*dataset.currency);
    for (const int d : set.dimensions)
      if (!contains(shape.key_fields, d)) shape.key_fields.push_back(d);
    shape.cell_fields = shape.key_fields;
    for (const int f : set.as_is)
      if (!contains(shape.cell_fields, f)) shape.cell_fields.push_back(f);
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

std::string encode_deltas(const RollupShape& shape, const std::vector<DayDelta>& days, size_t count) {
  std::string out;
  append_varint(out, kVersion);
  append_varint(out, count);
  for (size_t i = 0; i < count; ++i) {
    const DayDelta& d = days[i];
    append_varint(out, zigzag(d.day));
    append_varint(out, zigzag(d.rows));
    for (const Int128 s : d.sums) append_zigzag128(out, s);
    auto at = d.distinct.begin();
    for (size_t measure = 0; measure < shape.distinct_count(); ++measure) {
      const auto end = std::find_if(at, d.distinct.end(), [&](const auto& c) { return c.measure != measure; });
      append_varint(out, static_cast<uint64_t>(end - at));
      for (; at != end; ++at) {
        char bytes[16];
        std::memcpy(bytes, &at->value.high, 8);
        std::memcpy(bytes + 8, &at->value.low, 8);
        out.append(bytes, 16);
        append_varint(out, zigzag(at->count));
      }
    }
  }
  return out;
}

DeltaReader::DeltaReader(const RollupShape& shape, std::string_view bytes) : shape_(shape), in_(bytes) {
  uint64_t version = 0;
  damaged_ = !read_varint(in_, version) || version != kVersion || !read_varint(in_, left_);
}

bool DeltaReader::next(DayDelta& out) {
  if (damaged_ || left_ == 0) return false;
  --left_;
  uint64_t day = 0;
  uint64_t rows = 0;
  damaged_ = true;  // until the whole day is read
  if (!read_varint(in_, day) || !read_varint(in_, rows)) return false;
  out.day = static_cast<int32_t>(unzigzag(day));
  out.rows = unzigzag(rows);
  out.sums.resize(shape_.sums.size());
  for (Int128& s : out.sums)
    if (!read_zigzag128(in_, s)) return false;
  out.distinct.clear();
  for (size_t measure = 0; measure < shape_.distinct_count(); ++measure) {
    uint64_t n = 0;
    if (!read_varint(in_, n)) return false;
    for (; n > 0; --n) {
      DayDelta::Count one{measure, {}, 0};
      uint64_t count = 0;
      if (in_.size() < 16) return false;
      std::memcpy(&one.value.high, in_.data(), 8);
      std::memcpy(&one.value.low, in_.data() + 8, 8);
      in_.remove_prefix(16);
      if (!read_varint(in_, count)) return false;
      one.count = unzigzag(count);
      out.distinct.push_back(one);
    }
  }
  damaged_ = false;
  return true;
}

DeltaCollector::DeltaCollector(const Dataset& dataset)
    : dataset_(&dataset),
      shapes_(rollup_shapes(dataset)),
      account_fields_{dataset.scope[0], dataset.scope[1]},
      recent_(shapes_.size()) {
  for (size_t s = 0; s < shapes_.size(); ++s)
    recent_[s].of_scope = std::all_of(shapes_[s].cell_fields.begin(), shapes_[s].cell_fields.end(), [&](int field) {
      return contains(dataset.scope, field) || field == dataset.currency;
    });
}

DeltaCollector::Cell& DeltaCollector::cell(size_t shape_at, const std::vector<FieldValue>& row, int32_t day) {
  Recent& recent = recent_[shape_at];
  if (!recent.of_scope) return cells_[find_cell(shape_at, row, day)];
  const std::vector<int>& fields = shapes_[shape_at].cell_fields;
  const auto is_recent = [&] {
    if (!recent.valid || recent.day != day) return false;
    for (size_t i = 0; i < fields.size(); ++i)
      if (recent.values[i] != row[static_cast<size_t>(fields[i])]) return false;
    return true;
  };
  if (is_recent()) return cells_[recent.cell];
  recent.valid = true;
  recent.cell = find_cell(shape_at, row, day);
  recent.day = day;
  recent.values.clear();
  recent.texts.clear();
  for (const int f : fields) recent.texts += row[static_cast<size_t>(f)].text;
  const char* text = recent.texts.data();
  for (const int f : fields) {
    FieldValue value = row[static_cast<size_t>(f)];
    value.text = {text, value.text.size()};
    text += value.text.size();
    recent.values.push_back(value);
  }
  return cells_[recent.cell];
}

uint32_t DeltaCollector::find_cell(size_t shape_at, const std::vector<FieldValue>& row, int32_t day) {
  const RollupShape& shape = shapes_[shape_at];
  KeyHash id = combined_hash(*dataset_, shape.cell_fields, row);
  id.high ^= shape_at * 0x9e3779b97f4a7c15ULL;
  const auto [at, is_new] = cell_of_.try_emplace({id, day}, static_cast<uint32_t>(cells_.size()));
  if (!is_new) return at->second;
  const auto [group, new_group] = group_of_.try_emplace(id, static_cast<uint32_t>(groups_.size()));
  if (new_group && shape.set->is_as_is())
    groups_.push_back({&shape, entity_key(shape, row), said_of(shape, row)});
  else if (new_group)
    groups_.push_back({&shape, rollup_key(shape, row), {}});
  cells_.push_back({group->second, day, 0, sums_.size(), distinct_.size()});
  sums_.resize(sums_.size() + shape.sums.size());
  distinct_.resize(distinct_.size() + shape.distinct_count());
  return at->second;
}

void DeltaCollector::add(size_t shape_at, const std::vector<FieldValue>& row, int32_t day, int sign) {
  const RollupShape& shape = shapes_[shape_at];
  Cell& c = cell(shape_at, row, day);
  c.rows += sign;
  for (size_t i = 0; i < shape.sums.size(); ++i) {
    const Measure& m = dataset_->measures[static_cast<size_t>(shape.sums[i])];
    const FieldValue& v = row[static_cast<size_t>(m.fields[0])];
    if (v.present) sums_[c.sums_at + i] += static_cast<Int128>(v.number) * sign;
  }
  for (size_t i = 0; i < shape.distinct.size(); ++i) {
    const Measure& m = dataset_->measures[static_cast<size_t>(shape.distinct[i])];
    distinct_[c.distinct_at + i][combined_hash(*dataset_, m.fields, row)] += sign;
  }
  if (shape.accounts)
    distinct_[c.distinct_at + shape.distinct.size()][combined_hash(*dataset_, account_fields_, row)] += sign;
}

// Whether both rows add to the same cell and count as the same there, so that only sums differ.
bool DeltaCollector::same_cell(const RollupShape& shape, const std::vector<FieldValue>& a,
                               const std::vector<FieldValue>& b) const {
  const auto same = [&](const std::vector<int>& fields) {
    return std::all_of(fields.begin(), fields.end(),
                       [&](int f) { return a[static_cast<size_t>(f)] == b[static_cast<size_t>(f)]; });
  };
  return same(shape.cell_fields) && (!shape.accounts || same(account_fields_)) &&
         std::all_of(shape.distinct.begin(), shape.distinct.end(),
                     [&](int m) { return same(dataset_->measures[static_cast<size_t>(m)].fields); });
}

void DeltaCollector::change(const std::vector<FieldValue>* before, const std::vector<FieldValue>* after) {
  if (shapes_.empty()) return;
  const auto day_of = [&](const std::vector<FieldValue>* row) -> std::optional<int32_t> {
    if (row == nullptr) return std::nullopt;
    const FieldValue& date = (*row)[static_cast<size_t>(*dataset_->date)];
    return date.present ? std::optional(static_cast<int32_t>(date.number)) : std::nullopt;
  };
  const auto old_day = day_of(before);
  const auto new_day = day_of(after);
  for (size_t s = 0; s < shapes_.size(); ++s) {
    const RollupShape& shape = shapes_[s];
    if (old_day && old_day == new_day && same_cell(shape, *before, *after)) {
      const Cell& c = cell(s, *after, *new_day);
      for (size_t i = 0; i < shape.sums.size(); ++i) {
        const auto field = static_cast<size_t>(dataset_->measures[static_cast<size_t>(shape.sums[i])].fields[0]);
        const auto number = [](const FieldValue& v) { return v.present ? Int128{v.number} : Int128{0}; };
        sums_[c.sums_at + i] += number((*after)[field]) - number((*before)[field]);
      }
      continue;
    }
    if (old_day) add(s, *before, *old_day, -1);
    if (new_day) add(s, *after, *new_day, 1);
  }
}

bool DeltaCollector::is_zero(const Cell& c) const {
  const RollupShape& shape = *groups_[c.group].shape;
  if (c.rows != 0) return false;
  for (size_t i = 0; i < shape.sums.size(); ++i)
    if (sums_[c.sums_at + i] != 0) return false;
  for (size_t i = 0; i < shape.distinct_count(); ++i)
    for (const auto& [value, count] : distinct_[c.distinct_at + i])
      if (count != 0) return false;
  return true;
}

void DeltaCollector::fill(const Cell& c, DayDelta& out) const {
  const RollupShape& shape = *groups_[c.group].shape;
  out.day = c.day;
  out.rows = c.rows;
  const auto first = sums_.begin() + static_cast<std::ptrdiff_t>(c.sums_at);
  out.sums.assign(first, first + static_cast<std::ptrdiff_t>(shape.sums.size()));
  out.distinct.clear();
  for (size_t i = 0; i < shape.distinct_count(); ++i)
    for (const auto& [value, count] : distinct_[c.distinct_at + i])
      if (count != 0) out.distinct.push_back({i, value, count});
  // So that the same changes give the same bytes.
  std::sort(out.distinct.begin(), out.distinct.end());
}

void DeltaCollector::emit(Outputs& outputs) {
  if (cells_.empty()) return;
  // Groups in the order in which they were first touched, each with its days in order.
  std::vector<const Cell*> order;
  order.reserve(cells_.size());
  for (const Cell& c : cells_)
    if (!is_zero(c)) order.push_back(&c);
  std::sort(order.begin(), order.end(),
            [](const Cell* a, const Cell* b) { return std::pair(a->group, a->day) < std::pair(b->group, b->day); });
  for (size_t i = 0; i < order.size();) {
    const Group& group = groups_[order[i]->group];
    size_t days = 0;
    for (; i < order.size() && &groups_[order[i]->group] == &group; ++i, ++days) {
      if (days == days_.size()) days_.emplace_back();
      fill(*order[i], days_[days]);
    }
    outputs.emit(topics::kDeltaRollup, Outputs::kByKey, group.key,
                 group.said.empty() ? encode_deltas(*group.shape, days_, days)
                                    : group.said + encode_deltas(*group.shape, days_, days));
  }
  groups_.clear();
  group_of_.clear();
  cells_.clear();
  cell_of_.clear();
  sums_.clear();
  distinct_.clear();
  for (Recent& recent : recent_) recent.valid = false;
}

}  // namespace sujip
