#pragma once
// Sources, accounts and credentials in PostgreSQL (sql/010_collection.sql).

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/postgres/connection.h"
#include "core/result.h"

namespace sujip::registry {

struct Source {
  std::string name;
  std::string kind;       // files | api
  std::string connector;  // folder below producers/connectors
  std::string path;       // of kind files
  bool guard = true;      // false: snapshots are never held
  std::string every;      // overrides the connector's schedule
  std::string config;     // all of it, JSON text
  bool enabled = true;
};

// What `source add` changes; nothing else of the stored source is touched.
struct SourceChange {
  std::optional<std::string> path;
  std::optional<bool> guard;
  std::optional<std::string> every;
  std::vector<std::pair<std::string, std::string>> settings;  // of an API source
};

// True when the source is new.
Result<bool> put_source(pg::Connection& db, const std::string& name, const std::string& kind,
                        const std::string& connector, const SourceChange& change);
Result<std::vector<Source>> list_sources(pg::Connection& db);
Result<std::optional<Source>> find_source(pg::Connection& db, const std::string& name);

struct Account {
  std::string source;
  std::string account;
  std::string name;
  std::string status = "active";
  std::string currency;
  std::string time_zone = "Asia/Seoul";
};

// Adds the account, or changes the given (non-empty) parts of a known one. True when it is new.
Result<bool> put_account(pg::Connection& db, const Account& account);
// All accounts, or those of one source.
Result<std::vector<Account>> list_accounts(pg::Connection& db, const std::string& source = "");
Result<bool> account_known(pg::Connection& db, const std::string& source, const std::string& account);

// The value goes nowhere but into its table.
Status put_credential(pg::Connection& db, const std::string& source, const std::string& account,
                      const std::string& name, const std::string& value);
// Names only.
Result<std::vector<std::string>> credential_names(pg::Connection& db, const std::string& source);

}  // namespace sujip::registry
