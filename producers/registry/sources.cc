#include "producers/registry/sources.h"

#include "core/json_text.h"

namespace sujip::registry {
namespace {

constexpr const char* kSourceColumns =
    "select name, kind, connector, coalesce(config->>'path', ''), "
    "coalesce((config->>'guard')::boolean, true), coalesce(config->>'every', ''), config::text, "
    "enabled from sujip.source";

Source source_of(const pg::Rows& rows, int row) {
  Source out;
  out.name = rows.text(row, 0);
  out.kind = rows.text(row, 1);
  out.connector = rows.text(row, 2);
  out.path = rows.text(row, 3);
  out.guard = rows.boolean(row, 4);
  out.every = rows.text(row, 5);
  out.config = rows.text(row, 6);
  out.enabled = rows.boolean(row, 7);
  return out;
}

std::string json_of(const SourceChange& change) {
  std::string json = "{";
  if (change.path) append_json_field(json, "path", *change.path);
  if (change.guard) {
    append_json_name(json, "guard");
    json += *change.guard ? "true" : "false";
  }
  if (change.every) append_json_field(json, "every", *change.every);
  for (const auto& [name, value] : change.settings) append_json_field(json, name, value);
  return json + "}";
}

}  // namespace

Result<bool> put_source(pg::Connection& db, const std::string& name, const std::string& kind,
                        const std::string& connector, const SourceChange& change) {
  SUJIP_TRY(const pg::Rows rows, db.query("insert into sujip.source (name, kind, connector, config) "
                                          "values ($1, $2, $3, $4::jsonb) on conflict (name) do update set "
                                          "kind = excluded.kind, connector = excluded.connector, "
                                          "config = sujip.source.config || excluded.config, enabled = true, "
                                          "updated_at = now() returning xmax = 0",
                                          name, kind, connector, json_of(change)));
  return rows.boolean(0, 0);
}

Result<std::vector<Source>> list_sources(pg::Connection& db) {
  SUJIP_TRY(const pg::Rows rows, db.exec(std::string(kSourceColumns) + " order by name"));
  std::vector<Source> all;
  for (int i = 0; i < rows.size(); ++i) all.push_back(source_of(rows, i));
  return all;
}

Result<std::optional<Source>> find_source(pg::Connection& db, const std::string& name) {
  SUJIP_TRY(const pg::Rows rows, db.query(std::string(kSourceColumns) + " where name = $1", name));
  if (rows.empty()) return std::optional<Source>();
  return std::optional<Source>(source_of(rows, 0));
}

Result<bool> put_account(pg::Connection& db, const Account& account) {
  SUJIP_TRY(
      const pg::Rows rows,
      db.query("insert into sujip.known_account (source, account, name, status, currency, time_zone) "
               "values ($1, $2, $3, $4, nullif($5, ''), coalesce(nullif($6, ''), 'Asia/Seoul')) "
               "on conflict (source, account) do update set "
               "name = coalesce(nullif(excluded.name, ''), sujip.known_account.name), "
               "currency = coalesce(excluded.currency, sujip.known_account.currency), "
               "time_zone = coalesce(nullif($6, ''), sujip.known_account.time_zone), "
               "updated_at = now() returning xmax = 0",
               account.source, account.account, account.name, account.status, account.currency, account.time_zone));
  return rows.boolean(0, 0);
}

Result<std::vector<Account>> list_accounts(pg::Connection& db, const std::string& source) {
  SUJIP_TRY(const pg::Rows rows,
            db.query("select source, account, name, status, coalesce(currency, ''), time_zone "
                     "from sujip.known_account where $1 = '' or source = $1 order by source, account",
                     source));
  std::vector<Account> all;
  for (int i = 0; i < rows.size(); ++i) {
    const auto text = [&](int column) { return std::string(rows.text(i, column)); };
    all.push_back({text(0), text(1), text(2), text(3), text(4), text(5)});
  }
  return all;
}

Result<bool> account_known(pg::Connection& db, const std::string& source, const std::string& account) {
  SUJIP_TRY(const pg::Rows rows,
            db.query("select 1 from sujip.known_account where source = $1 and account = $2", source, account));
  return !rows.empty();
}

Status put_credential(pg::Connection& db, const std::string& source, const std::string& account,
                      const std::string& name, const std::string& value) {
  SUJIP_CHECK_OK(
      db.query("insert into sujip.credential (source, account, name, value) "
               "values ($1, $2, $3, $4) on conflict (source, account, name) do update "
               "set value = excluded.value, updated_at = now()",
               source, account, name, value));
  return {};
}

Result<std::vector<std::string>> credential_names(pg::Connection& db, const std::string& source) {
  SUJIP_TRY(const pg::Rows rows,
            db.query("select distinct name from sujip.credential where source = $1 order by name", source));
  std::vector<std::string> names;
  for (int i = 0; i < rows.size(); ++i) names.emplace_back(rows.text(i, 0));
  return names;
}

}  // namespace sujip::registry
