#include "core/postgres/migrate.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>

namespace sujip::pg {
namespace {

// Any constant will do, as long as every version of sujip uses the same.
constexpr int64_t kLockKey = 0x73756A6970;  // "sujip"

struct File {
  Migration migration;
  std::string sql;
};

std::string sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

Result<std::vector<File>> read_files(const std::filesystem::path& dir) {
  std::error_code failure;
  std::filesystem::directory_iterator entries(dir, failure);
  if (failure) {
    return Error{"opening folder: " + failure.message(), dir.string(),
                 "point SUJIP_SHARE at the folder that holds sql/"};
  }
  std::map<int, File> by_number;
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".sql") continue;
    size_t digits = 0;
    while (digits < name.size() && std::isdigit(static_cast<unsigned char>(name[digits]))) ++digits;
    if (digits == 0 || digits > 6 || digits >= name.size() || name[digits] != '_') {
      return Error{"not a migration's name", entry.path().string(), "name it NNN_what.sql"};
    }
    const int number = std::stoi(name.substr(0, digits));
    std::ifstream in(entry.path(), std::ios::binary);
    File file;
    file.sql.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    if (!in && !in.eof()) return Error{"reading file failed", entry.path().string(), ""};
    file.migration = {number, name, sha256(file.sql)};
    auto [at, fresh] = by_number.emplace(number, std::move(file));
    if (!fresh) {
      return Error{"two migrations have the number " + std::to_string(number) + ": " + at->second.migration.name +
                       " and " + name,
                   dir.string(), "give one of them the next free number"};
    }
  }
  std::vector<File> files;
  for (auto& [number, file] : by_number) files.push_back(std::move(file));
  return files;
}

// The files not yet applied; refuses applied ones that changed.
Result<std::vector<File>> unapplied(Connection& connection, const std::filesystem::path& dir, int& already) {
  SUJIP_TRY(auto files, read_files(dir));
  SUJIP_TRY(auto there, connection.query("select to_regclass('sujip.schema_migration') is not null"));
  std::map<int, std::pair<std::string, std::string>> applied;
  if (there.boolean(0, 0)) {
    SUJIP_TRY(auto rows, connection.query("select number, name, checksum from sujip.schema_migration"));
    for (int i = 0; i < rows.size(); ++i) {
      applied[static_cast<int>(rows.integer(i, 0))] = {std::string(rows.text(i, 1)), std::string(rows.text(i, 2))};
    }
  }
  std::vector<File> fresh;
  for (File& file : files) {
    const auto found = applied.find(file.migration.number);
    if (found == applied.end()) {
      fresh.push_back(std::move(file));
      continue;
    }
    if (found->second.second != file.migration.checksum) {
      return Error{"file changed after it was applied as " + found->second.first, (dir / file.migration.name).string(),
                   "restore the file and put the change into a new one with the next number"};
    }
  }
  already = static_cast<int>(applied.size());
  return fresh;
}

Status apply(Connection& connection, const File& file, const std::filesystem::path& dir) {
  SUJIP_TRY(auto transaction, Transaction::begin(connection));
  if (auto done = connection.exec(file.sql); !done) {
    Error error = done.error();
    error.where = (dir / file.migration.name).string() + " on " + connection.where();
    return error;
  }
  SUJIP_CHECK_OK(connection.query("insert into sujip.schema_migration (number, name, checksum) values ($1, $2, $3)",
                                  file.migration.number, file.migration.name, file.migration.checksum));
  return transaction.commit();
}

// Held until unlocked or the session ends, so that a crash never leaves it behind.
class AdvisoryLock {
 public:
  static Status take(Connection& connection) {
    SUJIP_CHECK_OK(connection.query("select pg_advisory_lock($1::bigint)", kLockKey));
    return {};
  }
  explicit AdvisoryLock(Connection& connection) : connection_(connection) {}
  AdvisoryLock(const AdvisoryLock&) = delete;
  AdvisoryLock& operator=(const AdvisoryLock&) = delete;
  ~AdvisoryLock() {
    if (connection_.connected()) {
      (void)connection_.query("select pg_advisory_unlock($1::bigint)", kLockKey);
    }
  }

 private:
  Connection& connection_;
};

}  // namespace

Result<MigrationReport> migrate(Connection& connection, const std::filesystem::path& dir) {
  SUJIP_CHECK_OK(AdvisoryLock::take(connection));
  const AdvisoryLock lock(connection);
  SUJIP_CHECK_OK(
      connection.exec("create schema if not exists sujip;"
                      "create table if not exists sujip.schema_migration ("
                      "  number int primary key, name text not null, checksum text not null,"
                      "  applied_at timestamptz not null default now())"));
  MigrationReport report;
  SUJIP_TRY(const auto files, unapplied(connection, dir, report.already));
  for (const File& file : files) {
    SUJIP_CHECK_OK(apply(connection, file, dir));
    report.applied.push_back(file.migration);
  }
  return report;
}

Result<std::vector<Migration>> pending_migrations(Connection& connection, const std::filesystem::path& dir) {
  int already = 0;
  SUJIP_TRY(const auto files, unapplied(connection, dir, already));
  std::vector<Migration> out;
  for (const File& file : files) out.push_back(file.migration);
  return out;
}

}  // namespace sujip::pg
