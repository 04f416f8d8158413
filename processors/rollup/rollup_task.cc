#include "processors/rollup/rollup_task.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <xxhash.h>

#include <cstring>

#include "core/json_text.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

constexpr uint8_t kTotalSpace = 1;
constexpr uint8_t kDistinctSpace = 2;

uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

KeyHash bucket_key(Period period, int32_t start) {
  return {static_cast<uint64_t>(period), static_cast<uint32_t>(start) ^ 0x80000000U};
}

// The value's place in the block of its set of dimensions: the measure stirred into its hash.
KeyHash distinct_key(size_t measure, const KeyHash& value) {
  return {value.high ^ ((measure + 1) * 0x9e3779b97f4a7c15ULL), value.low};
}

std::string encode_days(const std::map<int32_t, int64_t>& days) {
  std::string out;
  for (const auto& [day, count] : days) {
    append_varint(out, zigzag(day));
    append_varint(out, zigzag(count));
  }
  return out;
}

std::map<int32_t, int64_t> decode_days(std::string_view in) {
  std::map<int32_t, int64_t> out;
  uint64_t day = 0;
  uint64_t count = 0;
  while (read_varint(in, day) && read_varint(in, count))
    out[static_cast<int32_t>(unzigzag(day))] = unzigzag(count);
  return out;
}

// Whether any day of the period has the value.
bool occurs(const std::map<int32_t, int64_t>& days, Period period, Day start) {
  for (auto at = days.lower_bound(start.since_epoch); at != days.end(); ++at) {
    if (start_of(period, Day{at->first}) != start) return false;
    if (at->second > 0) return true;
  }
  return false;
}

}  // namespace

RollupTask::RollupTask(int32_t partition, const Datasets& datasets, TaskStore& store)
    : partition_(partition), datasets_(datasets), store_(store) {
  for (const Dataset& d : datasets_.all())
    if (d.has_rollup()) shapes_[d.name] = rollup_shapes(d);
}

std::vector<std::string> RollupTask::state_topics() const {
  std::vector<std::string> out;
  for (const Dataset& d : datasets_.all()) {
    if (!d.has_rollup()) continue;
    out.push_back(d.rollup_topic());
    out.push_back(d.distinct_topic());
  }
  return out;
}

const std::vector<RollupShape>* RollupTask::shapes_of(std::string_view dataset) const {
  const auto at = shapes_.find(dataset);
  return at == shapes_.end() ? nullptr : &at->second;
}

std::string RollupTask::Totals::encode() const {
  std::string out;
  append_varint(out, zigzag(rows));
  for (const Int128 s : sums) append_zigzag128(out, s);
  for (const int64_t d : distinct) append_varint(out, zigzag(d));
  return out;
}

RollupTask::Totals RollupTask::Totals::decode(const RollupShape& shape, std::string_view in) {
  Totals out;
  out.sums.resize(shape.sums.size());
  out.distinct.resize(shape.distinct_count());
  uint64_t raw = 0;
  if (read_varint(in, raw)) out.rows = unzigzag(raw);
  for (Int128& s : out.sums) read_zigzag128(in, s);
  for (int64_t& d : out.distinct)
    if (read_varint(in, raw)) d = unzigzag(raw);
  return out;
}

RollupTask::Group& RollupTask::touch(const RollupShape& shape, std::string_view key) {
  const auto [at, is_new] = touched_.try_emplace(std::string(key));
  Group& group = at->second;
  if (is_new) {
    group.shape = &shape;
    group.key = at->first;
    group.prefix = hash_of(key);
  }
  return group;
}

RollupTask::Totals& RollupTask::bucket(Group& group, Period period, Day start) {
  const auto [at, is_new] = group.buckets.try_emplace({period, start.since_epoch});
  if (is_new) {
    const std::string* saved = store_.find(store_.block(kTotalSpace, group.prefix),
                                           bucket_key(period, start.since_epoch));
    at->second = Totals::decode(*group.shape, saved != nullptr ? *saved : std::string_view());
  }
  return at->second;
}

void RollupTask::add_distinct(Group& group, Day day, size_t measure, const KeyHash& value,
                              int64_t count) {
  const auto [at, is_new] = group.values.try_emplace({measure, value});
  std::map<int32_t, int64_t>& days = at->second;
  if (is_new) {
    const std::string* saved = store_.find(store_.block(kDistinctSpace, group.prefix),
                                           distinct_key(measure, value));
    if (saved != nullptr) days = decode_days(*saved);
  }
  bool before[std::size(kPeriods)];
  for (size_t p = 0; p < std::size(kPeriods); ++p)
    before[p] = occurs(days, kPeriods[p], start_of(kPeriods[p], day));
  int64_t& now = days[day.since_epoch];
  now += count;
  if (now == 0) days.erase(day.since_epoch);
  for (size_t p = 0; p < std::size(kPeriods); ++p) {
    const Day start = start_of(kPeriods[p], day);
    const bool after = occurs(days, kPeriods[p], start);
    if (before[p] != after) bucket(group, kPeriods[p], start).distinct[measure] += after ? 1 : -1;
  }
}

void RollupTask::process(const Record& record, Outputs& outputs) {
  rev_ = record.offset + 1;
  newest_ = std::max(newest_, record.timestamp);
  simdjson::dom::parser parser;
  simdjson::dom::element key;
  std::string_view dataset;
  std::string_view grain;
  const RollupShape* shape = nullptr;
  if (!parser.parse(simdjson::padded_string(record.key)).get(key) &&
      !key["dataset"].get(dataset) && !key["grain"].get(grain))
    if (const auto* shapes = shapes_of(dataset)) shape = find_shape(*shapes, grain);
  std::map<int32_t, DayDelta> days;
  if (shape == nullptr || !record.value || !decode_deltas(*shape, *record.value, days)) {
    outputs.dead_letter(record, dataset, "", "", "not a delta of a declared rollup");
    return;
  }
  Group& group = touch(*shape, record.key);
  for (const auto& [d, delta] : days) {
    const Day day{d};
    for (const Period period : kPeriods) {
      Totals& totals = bucket(group, period, start_of(period, day));
      totals.rows += delta.rows;
      for (size_t i = 0; i < delta.sums.size(); ++i) totals.sums[i] += delta.sums[i];
    }
    for (size_t m = 0; m < delta.distinct.size(); ++m)
      for (const auto& [value, count] : delta.distinct[m]) add_distinct(group, day, m, value, count);
  }
}

void RollupTask::before_commit(Outputs& outputs) {
  for (auto& [key, group] : touched_) emit_group(group, outputs);
  touched_.clear();
}

void RollupTask::emit_group(Group& group, Outputs& outputs) {
  const RollupShape& shape = *group.shape;
  const Dataset& dataset = *shape.dataset;
  // {"dataset":"..","grain":"..",<rest>}: the rest is what all periods share.
  const size_t grain_at = group.key.find("\"grain\"");
  const size_t grain_end = group.key.find('"', group.key.find(':', grain_at) + 2) + 1;
  const std::string grain = group.key.substr(grain_at, grain_end - grain_at);
  const std::string rest = group.key.substr(grain_end, group.key.size() - grain_end - 1);
  TaskStore::Block& totals_block = store_.block(kTotalSpace, group.prefix);
  std::string key;
  std::string value;
  for (const auto& [at, totals] : group.buckets) {
    const auto& [period, start] = at;
    key = fmt::format(R"({{{},"period":"{}","period_start":"{}"{}}})", grain, name_of(period),
                      Day{start}.str(), rest);
    if (totals.rows == 0) {
      outputs.emit(dataset.rollup_topic(), partition_, key, std::nullopt);
      store_.erase(totals_block, bucket_key(period, start));
      continue;
    }
    value = key;
    value.pop_back();
    for (size_t i = 0; i < shape.sums.size(); ++i) {
      const Measure& m = dataset.measures[static_cast<size_t>(shape.sums[i])];
      append_json_name(value, m.name);
      append_decimal(value, totals.sums[i], m.scale);
    }
    for (size_t i = 0; i < shape.distinct.size(); ++i)
      append_json_field(value, dataset.measures[static_cast<size_t>(shape.distinct[i])].name,
                        totals.distinct[i]);
    append_json_field(value, "accounts", shape.accounts ? totals.distinct.back() : 1);
    append_json_field(value, "rows", totals.rows);
    append_json_field(value, "rev", rev_);
    append_json_field(value, "ts_ms", newest_);
    value += '}';
    outputs.emit(dataset.rollup_topic(), partition_, key, value);
    store_.put(totals_block, bucket_key(period, start), totals.encode());
  }
  if (group.values.empty()) return;
  TaskStore::Block& values_block = store_.block(kDistinctSpace, group.prefix);
  for (const auto& [at, days] : group.values) {
    const auto& [measure, hash] = at;
    const KeyHash place = distinct_key(measure, hash);
    // Key: 8 bytes of the set of dimensions, 16 of the value's place. Internal, not for other readers.
    key.assign(reinterpret_cast<const char*>(&group.prefix), 8);
    key.append(reinterpret_cast<const char*>(&place.high), 8);
    key.append(reinterpret_cast<const char*>(&place.low), 8);
    if (days.empty()) {
      outputs.emit(dataset.distinct_topic(), partition_, key, std::nullopt);
      store_.erase(values_block, place);
    } else {
      std::string encoded = encode_days(days);
      outputs.emit(dataset.distinct_topic(), partition_, key, encoded);
      store_.put(values_block, place, std::move(encoded));
    }
  }
}

Status RollupTask::restore(std::string_view topic, std::string_view key,
                           std::optional<std::string_view> value) {
  if (topic.starts_with("distinct.")) return restore_distinct(key, value);
  const auto* shapes = shapes_of(topic.substr(topic.find('.') + 1));
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view grain;
  if (shapes == nullptr || parser.parse(simdjson::padded_string(key)).get(root) ||
      root["grain"].get(grain))
    return Error{"not a rollup key", std::string(topic), ""};
  const RollupShape* shape = find_shape(*shapes, grain);
  if (shape == nullptr) return {};  // a grain that is not declared any more
  return restore_totals(*shape, key, value);
}

Status RollupTask::restore_totals(const RollupShape& shape, std::string_view key_json,
                                  std::optional<std::string_view> value) {
  const Dataset& dataset = *shape.dataset;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view period_name;
  std::string_view start_text;
  if (parser.parse(simdjson::padded_string(key_json)).get(root) ||
      root["period"].get(period_name) || root["period_start"].get(start_text))
    return Error{"not a rollup key", dataset.rollup_topic(), ""};
  const auto period = parse_period(period_name);
  const auto start = Day::parse(start_text);
  if (!period || !start) return Error{"not a rollup key", dataset.rollup_topic(), ""};
  // The key of the deltas: dataset and grain, then what stands behind period_start.
  const size_t tail = key_json.find(start_text) + start_text.size() + 1;
  std::string key = "{";
  append_json_field(key, "dataset", dataset.name);
  append_json_field(key, "grain", shape.set->grain);
  key += key_json.substr(tail);
  TaskStore::Block& block = store_.block(kTotalSpace, hash_of(key));
  const KeyHash at = bucket_key(*period, start->since_epoch);
  if (!value) {
    store_.erase(block, at);
    return {};
  }
  // Sums are read from their text: a JSON number parsed as double would lose digits.
  simdjson::ondemand::parser ondemand;
  const simdjson::padded_string padded(*value);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (ondemand.iterate(padded).get(document) || document.get_object().get(object))
    return Error{"not JSON", dataset.rollup_topic(), ""};
  const auto number = [&](std::string_view name, int scale, Int128& out) {
    simdjson::ondemand::value v;
    if (object[name].get(v)) return false;
    std::string_view token = v.raw_json_token();
    while (!token.empty() && (token.back() == ' ' || token.back() == '\n')) token.remove_suffix(1);
    const auto decimal = Decimal::parse(token);
    const auto exact = decimal ? decimal->rescaled(scale) : std::nullopt;
    if (exact) out = exact->units;
    return exact.has_value();
  };
  Totals totals;
  totals.sums.resize(shape.sums.size());
  totals.distinct.resize(shape.distinct_count());
  bool ok = true;
  Int128 n = 0;
  for (size_t i = 0; i < shape.sums.size(); ++i) {
    const Measure& m = dataset.measures[static_cast<size_t>(shape.sums[i])];
    ok = number(m.name, m.scale, totals.sums[i]) && ok;
  }
  for (size_t i = 0; i < shape.distinct.size(); ++i) {
    ok = number(dataset.measures[static_cast<size_t>(shape.distinct[i])].name, 0, n) && ok;
    totals.distinct[i] = static_cast<int64_t>(n);
  }
  ok = number("accounts", 0, n) && ok;
  if (shape.accounts) totals.distinct.back() = static_cast<int64_t>(n);
  ok = number("rows", 0, n) && ok;
  totals.rows = static_cast<int64_t>(n);
  if (!ok) return Error{"a measure is missing or not exact", dataset.rollup_topic(), ""};
  store_.put(block, at, totals.encode());
  return {};
}

Status RollupTask::restore_distinct(std::string_view key, std::optional<std::string_view> value) {
  if (key.size() != 24) return Error{"key is not 24 bytes", "distinct", ""};
  uint64_t prefix = 0;
  KeyHash place;
  std::memcpy(&prefix, key.data(), 8);
  std::memcpy(&place.high, key.data() + 8, 8);
  std::memcpy(&place.low, key.data() + 16, 8);
  TaskStore::Block& block = store_.block(kDistinctSpace, prefix);
  if (value)
    store_.put(block, place, std::string(*value));
  else
    store_.erase(block, place);
  return {};
}

}  // namespace sujip
