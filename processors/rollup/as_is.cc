#include "processors/rollup/as_is.h"

#include <xxhash.h>

#include <algorithm>
#include <stdexcept>

#include "processors/rollup/placed_key.h"
#include "topics/catalogue.h"

namespace sujip {
namespace {

// Of a record of deltas; far below what brokers take. A move brings years of an entity at once.
constexpr size_t kRecordBytes = 128 << 10;

// Days lie in order, so that the latest one is found from the end.
KeyHash place_of(int32_t day, std::string_view said) {
  const XXH128_hash_t hash = XXH3_128bits(said.data(), said.size());
  const uint64_t high = static_cast<uint32_t>(day) ^ 0x80000000U;
  return {high << 32 | (hash.high64 & 0xffffffffU), hash.low64};
}

int32_t day_of(const KeyHash& place) {
  return static_cast<int32_t>(static_cast<uint32_t>(place.high >> 32) ^ 0x80000000U);
}

// Values in JSON, null before all.
bool sorts_before(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(), [](const std::string& x, const std::string& y) {
        return std::pair(x != "null", std::string_view(x)) < std::pair(y != "null", std::string_view(y));
      });
}

}  // namespace

// ---- totals of a day --------------------------------------------------------------------------

void AsIsEntities::Total::add(const DayDelta& delta, int sign) {
  rows += delta.rows * sign;
  sums.resize(delta.sums.size());
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += delta.sums[i] * sign;
  for (const DayDelta::Count& c : delta.distinct)
    if (const auto at = distinct.try_emplace({c.measure, c.value}).first; (at->second += c.count * sign) == 0)
      distinct.erase(at);
}

bool AsIsEntities::Total::is_zero() const {
  return rows == 0 && distinct.empty() && std::all_of(sums.begin(), sums.end(), [](Int128 s) { return s == 0; });
}

DayDelta AsIsEntities::Total::delta(int32_t day) const {
  DayDelta out{day, rows, sums, {}};
  for (const auto& [at, count] : distinct) out.distinct.push_back({at.first, at.second, count});
  return out;
}

// ---- what comes -------------------------------------------------------------------------------

bool AsIsEntities::add(const RollupShape& shape, std::string_view key, std::string_view value) {
  std::string_view days = value;
  if (!read_said(shape, days, values_)) return false;
  // A damaged record must add nothing at all: it is read once before it is added.
  DeltaReader check(shape, days);
  while (check.next(day_)) {
  }
  if (!check.ok()) return false;
  const std::string_view said = value.substr(0, value.size() - days.size());
  Entity& entity = entities_[XXH3_64bits(key.data(), key.size())];
  entity.shape = &shape;
  DeltaReader reader(shape, days);
  while (reader.next(day_)) {
    Change& change = entity.changes[place_of(day_.day, said)];
    if (change.said.empty()) change.said = said;
    change.total.add(day_, 1);
  }
  return true;
}

// ---- what follows -----------------------------------------------------------------------------

void AsIsEntities::emit(Outputs& outputs) {
  if (entities_.empty()) return;
  for (const auto& [prefix, entity] : entities_) settle(prefix, entity, outputs);
  for (const auto& [key, target] : targets_) emit_target(key, target, outputs);
  entities_.clear();
  targets_.clear();
}

void AsIsEntities::settle(uint64_t prefix, const Entity& entity, Outputs& outputs) {
  const RollupShape& shape = *entity.shape;
  Block& block = store_.block(kSpace, prefix);
  const auto before = ruling(shape, block);
  save(prefix, block, entity, outputs);
  const auto now = ruling(shape, block);
  if (before && now != before) {
    // Away with the days as they were: as they are now, and back with what changed.
    move_all(shape, block, *before, -1);
    for (const auto& [place, c] : entity.changes) move(shape, c.said, *before, c.total.delta(day_of(place)), 1);
  }
  if (now && now != before) {
    move_all(shape, block, *now, 1);
  } else if (now) {
    for (const auto& [place, c] : entity.changes) move(shape, c.said, *now, c.total.delta(day_of(place)), 1);
  }
}

void AsIsEntities::save(uint64_t prefix, Block& block, const Entity& entity, Outputs& outputs) {
  const std::string topic = entity.shape->dataset->as_is_topic();
  std::string key;
  for (const auto& [place, change] : entity.changes) {
    if (change.total.is_zero()) continue;
    Total total = change.total;
    const auto saved = block.find(place);
    if (saved) {
      read(*entity.shape, *saved);
      total.add(day_, 1);
    }
    set_placed_key(key, prefix, place);
    if (total.rows == 0) {
      if (!saved) continue;
      outputs.emit(topic, partition_, key, std::nullopt);
      store_.erase(block, place);
      continue;
    }
    const std::string value = change.said + encode_deltas(*entity.shape, {total.delta(day_of(place))}, 1);
    outputs.emit(topic, partition_, key, value);
    store_.put(block, place, value);
  }
}

std::optional<AsIsEntities::Ruling> AsIsEntities::ruling(const RollupShape& shape, const Block& block) {
  const std::vector<size_t> moving = moving_fields(shape);
  std::map<Ruling, int64_t> said;  // of the latest day, by how many rows
  std::optional<int32_t> latest;
  for (auto at = block.end(); at != block.begin();) {
    const Block::Item row = *--at;
    if (latest && day_of(row.key) != *latest) break;
    latest = day_of(row.key);
    read(shape, row.value);
    Ruling one;
    for (const size_t i : moving) one.emplace_back(values_[i]);
    said[std::move(one)] += day_.rows;
  }
  const auto most = std::max_element(said.begin(), said.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : sorts_before(a.first, b.first);
  });
  return most == said.end() ? std::nullopt : std::optional(most->first);
}

void AsIsEntities::move_all(const RollupShape& shape, const Block& block, const Ruling& to, int sign) {
  for (const Block::Item row : block) {
    const std::string_view said = read(shape, row.value);
    move(shape, said, to, day_, sign);
  }
}

void AsIsEntities::move(const RollupShape& shape, std::string_view said, const Ruling& to, const DayDelta& day,
                        int sign) {
  if (!read_said(shape, said, values_)) throw std::logic_error("what rows said was read before");
  const std::vector<size_t> moving = moving_fields(shape);
  for (size_t i = 0; i < moving.size(); ++i) values_[moving[i]] = to[i];
  Target& target = targets_[rollup_key(shape, values_)];
  target.shape = &shape;
  target.days[day.day].add(day, sign);
}

std::string_view AsIsEntities::read(const RollupShape& shape, std::string_view row) {
  std::string_view days = row;
  if (!read_said(shape, days, values_)) throw std::runtime_error("a damaged entity in the local state");
  DeltaReader reader(shape, days);
  if (!reader.next(day_) || !reader.ok()) throw std::runtime_error("a damaged entity in the local state");
  return row.substr(0, row.size() - days.size());
}

void AsIsEntities::emit_target(const std::string& key, const Target& target, Outputs& outputs) const {
  std::vector<DayDelta> days;
  size_t bytes = 0;
  const auto send = [&] {
    if (days.empty()) return;
    outputs.emit(topics::kDeltaRollup, Outputs::kByKey, key, encode_deltas(*target.shape, days, days.size()));
    days.clear();
    bytes = 0;
  };
  for (const auto& [day, total] : target.days) {
    if (total.is_zero()) continue;
    days.push_back(total.delta(day));
    // Numbers are shorter than this as a rule.
    bytes += 16 + days.back().sums.size() * 16 + days.back().distinct.size() * 20;
    if (bytes >= kRecordBytes) send();
  }
  send();
}

}  // namespace sujip
