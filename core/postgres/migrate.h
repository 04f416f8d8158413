#pragma once
// Numbered SQL files, applied once, in order, under an advisory lock.

#include <filesystem>
#include <string>
#include <vector>

#include "core/postgres/connection.h"

namespace sujip::pg {

struct Migration {
  int number = 0;        // 1 for 001_base.sql
  std::string name;      // file name
  std::string checksum;  // of its bytes
};

struct MigrationReport {
  std::vector<Migration> applied;  // by this call
  int already = 0;                 // applied before
};

// Applies every `NNN_name.sql` of `dir` that sujip.schema_migration doesn't hold, each in its own
// transaction. Several programs may call it at once. Refuses an applied file whose content changed
// and two files of one number.
Result<MigrationReport> migrate(Connection& connection, const std::filesystem::path& dir);

// What would be applied; changes nothing.
Result<std::vector<Migration>> pending_migrations(Connection& connection, const std::filesystem::path& dir);

}  // namespace sujip::pg
