#include "sinks/postgres/members.h"

#include <algorithm>

#include "core/murmur2.h"

namespace sujip::sink {
namespace {

// First half of the two-part advisory locks of members; the second is the member's number.
constexpr int32_t kLockSpace = 0x73756A69;
constexpr int kStaleSeconds = 15;

size_t rank_of(const kafka::TopicPartition& tp) {
  return static_cast<size_t>(tp.partition) + (murmur2(tp.topic) & 0xFFFF);
}

}  // namespace

Status Members::join(pg::Connection& connection) {
  if (number_) {
    // Shared: the lock of our lost session may live on for a while.
    SUJIP_TRY(auto there, connection.query("select pg_advisory_lock_shared($1::int, member::int) "
                                           "from sujip.sink_member where member = $2",
                                           kLockSpace, *number_));
    if (!there.empty()) return {};
  }
  SUJIP_TRY(auto rows, connection.query("with fresh as (insert into sujip.sink_member (sink, owner) "
                                        "values ($1, $2) returning member) "
                                        "select member, pg_advisory_lock_shared($3::int, member::int) from fresh",
                                        sink_, owner_, kLockSpace));
  number_ = rows.integer(0, 0);
  return {};
}

Result<std::vector<Member>> Members::beat(pg::Connection& connection) {
  SUJIP_TRY(auto beaten, connection.query("update sujip.sink_member set heartbeat_at = now() where member = $1",
                                          number_.value_or(-1)));
  // Somebody took us for dead and cleaned up.
  if (beaten.affected() == 0) SUJIP_CHECK_OK(join(connection));
  SUJIP_TRY(auto rows,
            connection.query("select m.member, m.owner, "
                             "       l.objid is not null and m.heartbeat_at > now() - make_interval(secs => $3) "
                             "from sujip.sink_member m left join (select distinct objid from pg_locks "
                             "  where locktype = 'advisory' and classid = $2::int::oid and objsubid = 2 "
                             "  and database = (select oid from pg_database where datname = current_database())) "
                             "  as l on l.objid = m.member::oid where m.sink = $1 order by m.member",
                             sink_, kLockSpace, kStaleSeconds));
  std::vector<Member> live;
  for (int i = 0; i < rows.size(); ++i) {
    if (rows.boolean(i, 2)) {
      live.push_back({rows.integer(i, 0), std::string(rows.text(i, 1))});
    } else if (rows.integer(i, 0) != number_.value_or(-1)) {
      // Harmless if it was only frozen: it joins again when it wakes up.
      SUJIP_CHECK_OK(connection.query("delete from sujip.sink_member where member = $1", rows.integer(i, 0)));
    }
  }
  return live;
}

Status Members::leave(pg::Connection& connection) {
  if (!number_) return {};
  SUJIP_CHECK_OK(connection.query("delete from sujip.sink_member where member = $1", *number_));
  return {};
}

Result<std::vector<std::string>> live_owners(pg::Connection& connection, const std::string& sink) {
  SUJIP_TRY(
      const auto rows,
      connection.query(
          "select m.owner from sujip.sink_member m "
          "where ($3 = '' or m.sink = $3) and m.heartbeat_at > now() - make_interval(secs => $2) and exists (select 1 from pg_locks l "
          "  where l.locktype = 'advisory' and l.classid = $1::int::oid and l.objsubid = 2 "
          "  and l.database = (select oid from pg_database where datname = current_database()) "
          "  and l.objid = m.member::oid) order by m.owner",
          kLockSpace, kStaleSeconds, sink));
  std::vector<std::string> out;
  for (int i = 0; i < rows.size(); ++i) out.emplace_back(rows.text(i, 0));
  return out;
}

size_t place_of(const kafka::TopicPartition& tp, size_t members) { return members == 0 ? 0 : rank_of(tp) % members; }

size_t writer_of(const kafka::TopicPartition& tp, size_t members, size_t writers) {
  // Behind the members' own modulo, so that a member's share is spread evenly again.
  return writers == 0 ? 0 : rank_of(tp) / std::max<size_t>(members, 1) % writers;
}

}  // namespace sujip::sink
