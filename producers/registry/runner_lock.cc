#include "producers/registry/runner_lock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

namespace sujip::registry {

Result<std::string> lock_source(pg::Connection& db, const std::string& source) {
  SUJIP_TRY(const pg::Rows got,
            db.query("select pg_try_advisory_lock(hashtext('sujip collect'), hashtext($1))", source));
  if (got.boolean(0, 0)) return std::string();
  SUJIP_TRY(const pg::Rows who,
            db.query("select a.application_name, to_char(a.backend_start at time zone 'Asia/Seoul', "
                     "'YYYY-MM-DD HH24:MI:SS') from pg_locks l join pg_stat_activity a using (pid) "
                     "where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and "
                     "l.classid::bigint = hashtext('sujip collect')::bigint & 4294967295 and "
                     "l.objid::bigint = hashtext($1)::bigint & 4294967295",
                     source));
  if (who.empty()) return std::string("another collector");
  return fmt::format("{}, since {}", who.text(0, 0), who.text(0, 1));
}

Status unlock_source(pg::Connection& db, const std::string& source) {
  SUJIP_CHECK_OK(db.query("select pg_advisory_unlock(hashtext('sujip collect'), hashtext($1))", source));
  return {};
}

std::string runner_name(const std::string& command) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("sujip {} {}:{}", command, host.data(), ::getpid());
}

}  // namespace sujip::registry
