#include "processors/rollup/rollup_task.h"

#include <simdjson.h>
#include <xxhash.h>

#include <stdexcept>

#include "core/json_cursor.h"
#include "core/json_text.h"
#include "processors/rollup/placed_key.h"
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
  while (read_varint(in, day) && read_varint(in, count)) out[static_cast<int32_t>(unzigzag(day))] = unzigzag(count);
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
    : partition_(partition), datasets_(datasets), store_(store), entities_(partition, store) {
  for (const Dataset& d : datasets_.all())
    if (d.has_rollup()) shapes_[d.name] = rollup_shapes(d);
}

std::vector<std::string> RollupTask::state_topics() const {
  std::vector<std::string> out;
  for (const Dataset& d : datasets_.all()) {
    if (!d.has_rollup()) continue;
    out.push_back(d.rollup_topic());
    out.push_back(d.distinct_topic());
    if (d.has_as_is()) out.push_back(d.as_is_topic());
  }
  return out;
}

const std::vector<RollupShape>* RollupTask::shapes_of(std::string_view dataset) const {
  const auto at = shapes_.find(dataset);
  return at == shapes_.end() ? nullptr : &at->second;
}

std::string RollupTask::encode_totals(const Group& group, size_t b) {
  const size_t sums = group.shape->sums.size();
  const size_t counts = group.shape->distinct_count();
  std::string out;
  append_varint(out, zigzag(group.buckets[b].rows));
  for (size_t i = 0; i < sums; ++i) append_zigzag128(out, group.sums[b * sums + i]);
  for (size_t i = 0; i < counts; ++i) append_varint(out, zigzag(group.distinct[b * counts + i]));
  return out;
}

bool RollupTask::decode_totals(std::string_view in, Group& group, size_t b) {
  const size_t sums = group.shape->sums.size();
  const size_t counts = group.shape->distinct_count();
  uint64_t raw = 0;
  if (!read_varint(in, raw)) return false;
  group.buckets[b].rows = unzigzag(raw);
  for (size_t i = 0; i < sums; ++i)
    if (!read_zigzag128(in, group.sums[b * sums + i])) return false;
  for (size_t i = 0; i < counts; ++i) {
    if (!read_varint(in, raw)) return false;
    group.distinct[b * counts + i] = unzigzag(raw);
  }
  return in.empty();
}

// Keys are as rollup_key() and entity_key() write them.
const RollupShape* RollupTask::shape_in(std::string_view key, std::string_view marker) const {
  JsonCursor at(key);
  std::string_view dataset;
  std::string_view grain;
  if (!at.literal(R"({"dataset":)") || !at.string(dataset) || !at.literal(marker) || !at.string(grain) ||
      key.back() != '}')
    return nullptr;
  const auto* shapes = shapes_of(dataset);
  return shapes == nullptr ? nullptr : find_shape(*shapes, grain);
}

bool RollupTask::take_entity(const Record& record) {
  if (!record.value || record.key.empty()) return false;
  const RollupShape* shape = shape_in(record.key, R"(,"as_is":)");
  return shape != nullptr && shape->set->is_as_is() && entities_.add(*shape, record.key, *record.value);
}

RollupTask::Group* RollupTask::touch(std::string_view key) {
  const uint64_t prefix = hash_of(key);
  if (const auto known = group_of_.find(prefix); known != group_of_.end()) return known->second;
  const RollupShape* shape = shape_in(key, R"(,"grain":)");
  if (shape == nullptr) return nullptr;
  auto& group = touched_.emplace_back(std::make_unique<Group>());
  group->shape = shape;
  group->key = key;
  group->prefix = prefix;
  group_of_.emplace(prefix, group.get());
  return group.get();
}

// A group has few buckets between two commits: those of the days that changed.
size_t RollupTask::bucket(Group& group, Period period, Day start) {
  for (size_t i = group.buckets.size(); i-- > 0;)
    if (group.buckets[i].start == start.since_epoch && group.buckets[i].period == period) return i;
  const size_t b = group.buckets.size();
  group.buckets.push_back({period, start.since_epoch});
  group.sums.resize(group.sums.size() + group.shape->sums.size());
  group.distinct.resize(group.distinct.size() + group.shape->distinct_count());
  if (const auto saved = store_.block(kTotalSpace, group.prefix).find(bucket_key(period, start.since_epoch)))
    if (!decode_totals(*saved, group, b)) throw std::runtime_error("a damaged total in the local state");
  return b;
}

void RollupTask::add_distinct(Group& group, Day day, const DayDelta::Count& change) {
  const auto [at, is_new] = group.values.try_emplace({change.measure, change.value});
  std::map<int32_t, int64_t>& days = at->second;
  if (is_new) {
    const auto saved = store_.block(kDistinctSpace, group.prefix).find(distinct_key(change.measure, change.value));
    if (saved) days = decode_days(*saved);
  }
  bool before[std::size(kPeriods)];
  for (size_t p = 0; p < std::size(kPeriods); ++p) before[p] = occurs(days, kPeriods[p], start_of(kPeriods[p], day));
  int64_t& now = days[day.since_epoch];
  now += change.count;
  if (now == 0) days.erase(day.since_epoch);
  for (size_t p = 0; p < std::size(kPeriods); ++p) {
    const Day start = start_of(kPeriods[p], day);
    const bool after = occurs(days, kPeriods[p], start);
    if (before[p] == after) continue;
    const size_t b = bucket(group, kPeriods[p], start);
    group.distinct[b * group.shape->distinct_count() + change.measure] += after ? 1 : -1;
  }
}

void RollupTask::process(const Record& record, Outputs& outputs) {
  rev_ = record.offset + 1;
  newest_ = std::max(newest_, record.timestamp);
  Group* group = record.value && !record.key.empty() ? touch(record.key) : nullptr;
  if (group == nullptr && take_entity(record)) return;
  // A damaged record must add nothing at all: it is read once before it is added.
  bool whole = group != nullptr;
  if (whole) {
    DeltaReader check(*group->shape, *record.value);
    while (check.next(day_)) {
    }
    whole = check.ok();
  }
  if (!whole) {
    outputs.dead_letter(record, "", "", "", "not a delta of a declared rollup");
    return;
  }
  DeltaReader reader(*group->shape, *record.value);
  while (reader.next(day_)) {
    const Day day{day_.day};
    for (const Period period : kPeriods) {
      const size_t b = bucket(*group, period, start_of(period, day));
      group->buckets[b].rows += day_.rows;
      for (size_t i = 0; i < day_.sums.size(); ++i) group->sums[b * day_.sums.size() + i] += day_.sums[i];
    }
    for (const DayDelta::Count& count : day_.distinct) add_distinct(*group, day, count);
  }
}

void RollupTask::before_commit(Outputs& outputs) {
  entities_.emit(outputs);
  for (const auto& group : touched_) {
    emit_group(*group, outputs);
    emit_distinct(*group, outputs);
  }
  touched_.clear();
  group_of_.clear();
}

void RollupTask::emit_group(Group& group, Outputs& outputs) {
  const RollupShape& shape = *group.shape;
  const Dataset& dataset = *shape.dataset;
  const std::string topic = dataset.rollup_topic();
  // {"dataset":"..","grain":"..",<rest>}: the rest is what all periods share.
  const std::string head = R"({"grain":")" + shape.set->grain + R"(","period":")";
  const size_t rest_at = group.key.find(R"(,"grain":")") + 10 + shape.set->grain.size() + 1;
  const std::string_view rest = std::string_view(group.key).substr(rest_at, group.key.size() - rest_at - 1);
  Block& block = store_.block(kTotalSpace, group.prefix);
  const size_t sums = shape.sums.size();
  const size_t counts = shape.distinct_count();
  std::string key;
  std::string value;
  for (size_t b = 0; b < group.buckets.size(); ++b) {
    const Bucket& bucket = group.buckets[b];
    key = head;
    key += name_of(bucket.period);
    key += R"(","period_start":")";
    Day{bucket.start}.append_to(key);
    key += '"';
    key += rest;
    value = key;
    key += '}';
    const KeyHash place = bucket_key(bucket.period, bucket.start);
    if (bucket.rows == 0) {
      if (!block.find(place)) continue;  // what came and went between two commits
      outputs.emit(topic, partition_, key, std::nullopt);
      store_.erase(block, place);
      continue;
    }
    for (size_t i = 0; i < sums; ++i) {
      value += shape.sum_names[i];
      append_decimal(value, group.sums[b * sums + i], dataset.measures[static_cast<size_t>(shape.sums[i])].scale);
    }
    const auto number = [&](std::string_view name, int64_t n) {
      value += name;
      append_decimal(value, n, 0);
    };
    const int64_t* distinct = group.distinct.data() + b * counts;
    for (size_t i = 0; i < shape.distinct.size(); ++i) number(shape.distinct_names[i], distinct[i]);
    number(R"(,"accounts":)", shape.accounts ? distinct[counts - 1] : 1);
    number(R"(,"rows":)", bucket.rows);
    number(R"(,"rev":)", rev_);
    number(R"(,"ts_ms":)", newest_);
    value += '}';
    outputs.emit(topic, partition_, key, value);
    store_.put(block, place, encode_totals(group, b));
  }
}

void RollupTask::emit_distinct(const Group& group, Outputs& outputs) {
  if (group.values.empty()) return;
  const std::string topic = group.shape->dataset->distinct_topic();
  Block& block = store_.block(kDistinctSpace, group.prefix);
  std::string key;
  for (const auto& [at, days] : group.values) {
    const auto& [measure, hash] = at;
    const KeyHash place = distinct_key(measure, hash);
    set_placed_key(key, group.prefix, place);
    if (days.empty()) {
      outputs.emit(topic, partition_, key, std::nullopt);
      store_.erase(block, place);
    } else {
      const std::string encoded = encode_days(days);
      outputs.emit(topic, partition_, key, encoded);
      store_.put(block, place, encoded);
    }
  }
}

Status RollupTask::restore(std::string_view topic, std::string_view key, std::optional<std::string_view> value) {
  if (topic.starts_with("distinct.")) return restore_placed(store_, kDistinctSpace, key, value);
  if (topic.starts_with("asis.")) return restore_placed(store_, AsIsEntities::kSpace, key, value);
  const auto* shapes = shapes_of(topic.substr(topic.find('.') + 1));
  JsonCursor at(key);
  std::string_view grain;
  std::string_view period_name;
  std::string_view start_text;
  if (shapes == nullptr || !at.literal(R"({"grain":)") || !at.string(grain) || !at.literal(R"(,"period":)") ||
      !at.string(period_name) || !at.literal(R"(,"period_start":)") || !at.string(start_text))
    return Error{"not a rollup key", std::string(topic), ""};
  const auto period = parse_period(period_name);
  const auto start = Day::parse(start_text);
  if (!period || !start) return Error{"not a rollup key", std::string(topic), ""};
  const RollupShape* shape = find_shape(*shapes, grain);
  if (shape == nullptr) return {};  // a grain that is not declared any more
  // The key of the deltas: dataset and grain, then what stands behind period_start.
  Group& totals = restored_;
  totals.key = "{";
  append_json_field(totals.key, "dataset", shape->dataset->name);
  append_json_field(totals.key, "grain", grain);
  totals.key += at.rest();
  Block& block = store_.block(kTotalSpace, hash_of(totals.key));
  const KeyHash place = bucket_key(*period, start->since_epoch);
  if (!value) {
    store_.erase(block, place);
    return {};
  }
  totals.shape = shape;
  totals.buckets.assign(1, {*period, start->since_epoch});
  totals.sums.resize(shape->sums.size());
  totals.distinct.resize(shape->distinct_count());
  int64_t rev = 0;
  if (!read_totals(key, *value, totals, rev) && !parse_totals(*value, totals, rev))
    return Error{"a measure is missing or not exact", std::string(topic), ""};
  restored_upto_ = std::max(restored_upto_, rev);
  store_.put(block, place, encode_totals(totals, 0));
  return {};
}

// A total in the form of emit_group, with the measures that are declared now.
bool RollupTask::read_totals(std::string_view key, std::string_view value, Group& out, int64_t& rev) {
  const RollupShape& shape = *out.shape;
  JsonCursor at(value);
  int64_t units = 0;
  const auto number = [&](std::string_view name, int scale) { return at.literal(name) && at.units(scale, units); };
  if (!at.literal(key.substr(0, key.size() - 1))) return false;
  for (size_t i = 0; i < shape.sums.size(); ++i) {
    if (!number(shape.sum_names[i], shape.dataset->measures[static_cast<size_t>(shape.sums[i])].scale)) return false;
    out.sums[i] = units;
  }
  for (size_t i = 0; i < shape.distinct.size(); ++i) {
    if (!number(shape.distinct_names[i], 0)) return false;
    out.distinct[i] = units;
  }
  if (!number(R"(,"accounts":)", 0)) return false;
  if (shape.accounts) out.distinct.back() = units;
  if (!number(R"(,"rows":)", 0)) return false;
  out.buckets[0].rows = units;
  if (!number(R"(,"rev":)", 0)) return false;
  rev = units;
  return true;
}

// The general way: other measures than now, numbers of more than 18 digits.
bool RollupTask::parse_totals(std::string_view value, Group& out, int64_t& rev) {
  const RollupShape& shape = *out.shape;
  const Dataset& dataset = *shape.dataset;
  // Sums are read from their text: a JSON number parsed as double would lose digits.
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(value);
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) || document.get_object().get(object)) return false;
  const auto number = [&](std::string_view name, int scale, Int128& to) {
    simdjson::ondemand::value v;
    if (object[name].get(v)) return false;
    std::string_view token = v.raw_json_token();
    while (!token.empty() && (token.back() == ' ' || token.back() == '\n')) token.remove_suffix(1);
    const auto decimal = Decimal::parse(token);
    const auto exact = decimal ? decimal->rescaled(scale) : std::nullopt;
    if (exact) to = exact->units;
    return exact.has_value();
  };
  Int128 n = 0;
  for (size_t i = 0; i < shape.sums.size(); ++i) {
    const Measure& m = dataset.measures[static_cast<size_t>(shape.sums[i])];
    if (!number(m.name, m.scale, out.sums[i])) return false;
  }
  for (size_t i = 0; i < shape.distinct.size(); ++i) {
    if (!number(dataset.measures[static_cast<size_t>(shape.distinct[i])].name, 0, n)) return false;
    out.distinct[i] = static_cast<int64_t>(n);
  }
  if (!number("accounts", 0, n)) return false;
  if (shape.accounts) out.distinct.back() = static_cast<int64_t>(n);
  if (!number("rows", 0, n)) return false;
  out.buckets[0].rows = static_cast<int64_t>(n);
  if (!number("rev", 0, n)) return false;
  rev = static_cast<int64_t>(n);
  return true;
}

}  // namespace sujip
