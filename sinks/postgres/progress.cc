#include "sinks/postgres/progress.h"

#include "sinks/postgres/rows.h"

namespace sujip::sink {
namespace {

ProgressRow row_at(const pg::Rows& rows, int i) {
  return {{std::string(rows.text(i, 0)), static_cast<int32_t>(rows.integer(i, 1))},
          rows.integer(i, 2),
          rows.integer(i, 3),
          rows.maybe_text(i, 4)};
}

}  // namespace

Fate fate_of(const Move& move, const std::optional<ProgressRow>& row) {
  if (!row || row->epoch != move.epoch) return Fate::fenced;
  if (row->next_offset == move.to) return Fate::committed;
  if (row->next_offset == move.from) return Fate::not_committed;
  return Fate::fenced;
}

Status Progress::add(pg::Connection& connection, const std::vector<Claim>& fresh) const {
  if (fresh.empty()) return {};
  // All at once: whoever compares the table with the topics never sees half of the partitions.
  std::string topics;
  std::string parts;
  std::string offsets;
  for (const Claim& claim : fresh) {
    const char separator = topics.empty() ? '{' : ',';
    topics += separator;
    append_array_element(topics, claim.tp.topic);
    parts += separator;
    parts += std::to_string(claim.tp.partition);
    offsets += separator;
    offsets += std::to_string(claim.next_offset);
  }
  SUJIP_CHECK_OK(
      connection.query("insert into sujip.sink_progress (sink, topic, part, next_offset) "
                       "select $1, b.* from unnest($2::text[], $3::int[], $4::bigint[]) as b "
                       "on conflict do nothing",
                       sink_, topics + "}", parts + "}", offsets + "}"));
  return {};
}

Result<std::vector<ProgressRow>> Progress::all(pg::Connection& connection) const {
  SUJIP_TRY(auto rows, connection.query("select topic, part, next_offset, epoch, owner "
                                        "from sujip.sink_progress where sink = $1",
                                        sink_));
  std::vector<ProgressRow> out;
  for (int i = 0; i < rows.size(); ++i) out.push_back(row_at(rows, i));
  return out;
}

Result<std::optional<ProgressRow>> Progress::one(pg::Connection& connection, const kafka::TopicPartition& tp) const {
  SUJIP_TRY(auto rows, connection.query("select topic, part, next_offset, epoch, owner "
                                        "from sujip.sink_progress where sink = $1 and topic = $2 and part = $3",
                                        sink_, tp.topic, tp.partition));
  if (rows.empty()) return std::optional<ProgressRow>();
  return std::optional<ProgressRow>(row_at(rows, 0));
}

Result<std::optional<Claim>> Progress::claim(pg::Connection& connection, const kafka::TopicPartition& tp,
                                             int64_t seen_epoch) const {
  SUJIP_TRY(auto rows, connection.query("update sujip.sink_progress set epoch = epoch + 1, owner = $4, "
                                        "updated_at = now() where sink = $1 and topic = $2 and part = $3 "
                                        "and epoch = $5 returning next_offset, epoch",
                                        sink_, tp.topic, tp.partition, owner_, seen_epoch));
  if (rows.empty()) return std::optional<Claim>();
  return std::optional<Claim>(Claim{tp, rows.integer(0, 1), rows.integer(0, 0)});
}

Status Progress::release(pg::Connection& connection, const kafka::TopicPartition& tp, int64_t epoch) const {
  SUJIP_CHECK_OK(
      connection.query("update sujip.sink_progress set owner = null, updated_at = now() "
                       "where sink = $1 and topic = $2 and part = $3 and epoch = $4",
                       sink_, tp.topic, tp.partition, epoch));
  return {};
}

Result<bool> Progress::advance(pg::Connection& connection, const std::vector<Move>& moves) const {
  static const std::string kName = "advance";
  SUJIP_CHECK_OK(connection.prepare(kName,
                                    "update sujip.sink_progress as p set next_offset = b.next, updated_at = now() "
                                    "from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[]) "
                                    "as b (topic, part, epoch, start, next) "
                                    "where p.sink = $1 and p.topic = b.topic and p.part = b.part and p.epoch = b.epoch "
                                    "and p.next_offset = b.start"));
  std::string arrays[5];
  for (std::string& array : arrays) array.push_back('{');
  for (size_t i = 0; i < moves.size(); ++i) {
    if (i > 0) {
      for (std::string& array : arrays) array += ',';
    }
    append_array_element(arrays[0], moves[i].tp.topic);
    arrays[1] += std::to_string(moves[i].tp.partition);
    arrays[2] += std::to_string(moves[i].epoch);
    arrays[3] += std::to_string(moves[i].from);
    arrays[4] += std::to_string(moves[i].to);
  }
  for (std::string& array : arrays) array += '}';
  const char* texts[] = {sink_.c_str(),     arrays[0].c_str(), arrays[1].c_str(),
                         arrays[2].c_str(), arrays[3].c_str(), arrays[4].c_str()};
  SUJIP_TRY(auto rows, connection.run_texts(kName, texts));
  return rows.affected() == static_cast<int64_t>(moves.size());
}

}  // namespace sujip::sink
