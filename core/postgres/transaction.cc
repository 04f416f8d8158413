#include <libpq-fe.h>

#include <utility>

#include "core/postgres/connection.h"

namespace sujip::pg {

Result<Transaction> Transaction::begin(Connection& connection, const std::string& modes) {
  SUJIP_TRY([[maybe_unused]] auto rows, connection.exec(modes.empty() ? "begin" : "begin " + modes));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() { rollback(); }

Status Transaction::commit() {
  Connection& connection = *std::exchange(connection_, nullptr);
  auto rows = connection.exec("commit");
  if (!rows) return rows.error();
  return {};
}

void Transaction::rollback() {
  if (connection_ == nullptr) return;
  Connection& connection = *std::exchange(connection_, nullptr);
  // Past the Connection, so that trouble() still tells why the transaction was given up.
  if (connection.connected() && connection.in_transaction()) {
    PQclear(PQexec(connection.native(), "rollback"));
  }
}

}  // namespace sujip::pg
