#include "core/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>

namespace sujip::pg {
namespace {

// libpq ends its messages with a newline and may hold several lines.
std::string tidy(const char* text) {
  std::string out = text == nullptr ? "" : text;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out) {
    if (c == '\n') c = ' ';
  }
  return out;
}

std::string place_of(PGconn* conn) {
  auto text = [](const char* s) { return std::string(s == nullptr ? "" : s); };
  std::string host = text(PQhost(conn));
  if (host.empty()) host = "local";
  return "postgresql " + host + ":" + text(PQport(conn)) + "/" + text(PQdb(conn));
}

std::string hint_for(std::string_view sqlstate) {
  if (sqlstate == "28P01" || sqlstate == "28000") return "check user and password in SUJIP_PG";
  if (sqlstate == "3D000") return "create the database, or correct its name in SUJIP_PG";
  if (sqlstate == "42P01" || sqlstate == "42703" || sqlstate == "3F000") {
    return "run `sujip db migrate`";
  }
  if (sqlstate == "42501") return "grant the role the rights on schema sujip";
  if (sqlstate == "53100") return "free space on the database's disk";
  if (sqlstate == "53300") return "raise max_connections or stop other clients";
  return "";
}

bool failed(const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_SINGLE_TUPLE:
    case PGRES_COPY_IN:
      return false;
    default:
      return true;
  }
}

void ignore_notice(void*, const PGresult*) {}

}  // namespace

// ---- Rows

Rows::Rows(pg_result* result) : result_(result) {}
void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }

int Rows::size() const { return result_ ? PQntuples(result_.get()) : 0; }
int Rows::columns() const { return result_ ? PQnfields(result_.get()) : 0; }

int64_t Rows::affected() const {
  if (!result_) return 0;
  std::string_view text = PQcmdTuples(result_.get());
  int64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

std::string_view Rows::name(int column) const {
  const char* name = PQfname(result_.get(), column);
  return name == nullptr ? "" : name;
}

bool Rows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

std::string_view Rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string> Rows::maybe_text(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  return std::string(text(row, column));
}

int64_t Rows::integer(int row, int column) const { return maybe_integer(row, column).value_or(0); }

std::optional<int64_t> Rows::maybe_integer(int row, int column) const {
  if (is_null(row, column)) return std::nullopt;
  std::string_view digits = text(row, column);
  int64_t n = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return n;
}

bool Rows::boolean(int row, int column) const { return text(row, column) == "t"; }

// ---- Connection

struct Connection::Session {
  PGconn* conn = nullptr;
  std::string where;
  std::string sqlstate;
  bool failed = false;
  std::unordered_set<std::string> prepared;

  ~Session() {
    if (conn != nullptr) PQfinish(conn);
  }
};

Connection::Connection(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::open(const std::string& uri, const ConnectOptions& options) {
  const std::string timeout = std::to_string(options.connect_timeout.count());
  // The first entry is expanded as a URI; later ones win over it, except for the application name,
  // which a person may have chosen in the URI.
  const char* const keys[] = {"fallback_application_name",
                              "dbname",
                              "connect_timeout",
                              "client_encoding",
                              "keepalives",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              nullptr};
  const char* const values[] = {
      options.application_name.c_str(), uri.c_str(), timeout.c_str(), "UTF8", "1", "10", "5", "3", "30000", nullptr};
  auto session = std::make_unique<Session>();
  session->conn = PQconnectdbParams(keys, values, 1);
  if (session->conn == nullptr) {
    return Error{"out of memory", "connecting to " + mask_password(uri), ""};
  }
  session->where = place_of(session->conn);
  if (PQstatus(session->conn) != CONNECTION_OK) {
    std::string reason = tidy(PQerrorMessage(session->conn));
    // A message about a malformed URI quotes it, password included.
    if (reason.find(uri) != std::string::npos) reason = "the URI can't be read";
    const char* password = PQpass(session->conn);
    if (password != nullptr && *password != '\0') {
      const std::string secret = password;
      for (size_t at; (at = reason.find(secret)) != std::string::npos && secret != "***";) {
        reason.replace(at, secret.size(), "***");
      }
    }
    return Error{"connecting: " + reason, mask_password(uri),
                 "is PostgreSQL running, and is SUJIP_PG right? `sujip doctor` tells more"};
  }
  PQsetNoticeReceiver(session->conn, ignore_notice, nullptr);
  Connection connection(std::move(session));
  std::string set =
      "set standard_conforming_strings = on; set datestyle = 'ISO'; set timezone = 'UTC'; "
      "set intervalstyle = 'iso_8601'; set bytea_output = 'hex';";
  for (const auto& [name, value] : options.session) {
    set += " set " + quote_name(name) + " = " + quote_text(value) + ";";
  }
  SUJIP_TRY([[maybe_unused]] auto done, connection.exec(set));
  return connection;
}

Error Connection::lost_or(std::string_view doing, pg_result* result) {
  session_->failed = true;
  const char* state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  session_->sqlstate = state == nullptr ? "" : state;
  std::string reason;
  if (const char* primary = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)) {
    reason = tidy(primary);
    if (const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL)) {
      reason += ": " + tidy(detail);
    }
    if (const char* context = PQresultErrorField(result, PG_DIAG_CONTEXT)) {
      reason += " [" + tidy(context).substr(0, 200) + "]";
    }
    reason += " (SQLSTATE " + session_->sqlstate + ")";
  } else {
    reason = tidy(result == nullptr ? PQerrorMessage(session_->conn) : PQresultErrorMessage(result));
    if (reason.empty()) reason = "connection lost";
  }
  return Error{std::string(doing) + ": " + reason, session_->where, hint_for(session_->sqlstate)};
}

Result<Rows> Connection::finish(pg_result* result, std::string_view doing) {
  Rows rows(result);
  if (result == nullptr || failed(result)) {
    const std::string shown(doing.substr(0, std::min<size_t>(doing.size(), 120)));
    return lost_or(shown, result);
  }
  session_->failed = false;
  return rows;
}

Result<Rows> Connection::exec(const std::string& sql) { return finish(PQexec(session_->conn, sql.c_str()), sql); }

Result<Rows> Connection::query_params(const std::string& sql, std::span<const Param> params) {
  std::vector<const char*> texts;
  texts.reserve(params.size());
  for (const Param& param : params) texts.push_back(param.c_str());
  return finish(PQexecParams(session_->conn, sql.c_str(), static_cast<int>(texts.size()), nullptr, texts.data(),
                             nullptr, nullptr, 0),
                sql);
}

Status Connection::prepare(const std::string& name, const std::string& sql) {
  if (session_->prepared.contains(name)) return {};
  SUJIP_CHECK_OK(finish(PQprepare(session_->conn, name.c_str(), sql.c_str(), 0, nullptr), sql));
  session_->prepared.insert(name);
  return {};
}

bool Connection::prepared(const std::string& name) const { return session_->prepared.contains(name); }

Result<Rows> Connection::run_params(const std::string& name, std::span<const Param> params) {
  std::vector<const char*> texts;
  texts.reserve(params.size());
  for (const Param& param : params) texts.push_back(param.c_str());
  return run_texts(name, texts);
}

Result<Rows> Connection::run_texts(const std::string& name, std::span<const char* const> texts) {
  return finish(
      PQexecPrepared(session_->conn, name.c_str(), static_cast<int>(texts.size()), texts.data(), nullptr, nullptr, 0),
      name);
}

void Connection::forget_prepared() {
  if (session_->prepared.empty()) return;
  session_->prepared.clear();
  if (!in_transaction()) (void)exec("deallocate all");
}

Status Connection::copy_begin(const std::string& copy_sql) {
  SUJIP_TRY([[maybe_unused]] auto started, exec(copy_sql));
  return {};
}

Status Connection::copy_send(std::string_view bytes) {
  // libpq takes an int; large buffers also keep its own buffer from growing without need.
  constexpr size_t kPiece = 1 << 20;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPiece);
    if (PQputCopyData(session_->conn, piece.data(), static_cast<int>(piece.size())) != 1) {
      return lost_or("sending COPY data", nullptr);
    }
    bytes.remove_prefix(piece.size());
  }
  return {};
}

Result<int64_t> Connection::copy_end() {
  if (PQputCopyEnd(session_->conn, nullptr) != 1) return lost_or("ending COPY", nullptr);
  auto rows = finish(PQgetResult(session_->conn), "COPY");
  while (PGresult* rest = PQgetResult(session_->conn)) PQclear(rest);
  if (!rows) return rows.error();
  return rows->affected();
}

void Connection::copy_abort(const std::string& reason) {
  PQputCopyEnd(session_->conn, reason.c_str());
  while (PGresult* rest = PQgetResult(session_->conn)) PQclear(rest);
}

const std::string& Connection::sqlstate() const { return session_->sqlstate; }

Trouble Connection::trouble() const {
  if (!session_->failed) return Trouble::none;
  return trouble_of(session_->sqlstate, connected());
}

bool Connection::connected() const { return PQstatus(session_->conn) == CONNECTION_OK; }

bool Connection::in_transaction() const {
  const auto status = PQtransactionStatus(session_->conn);
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE;
}

int Connection::server_version() const { return PQserverVersion(session_->conn); }
const std::string& Connection::where() const { return session_->where; }
int Connection::backend_pid() const { return PQbackendPID(session_->conn); }

void Connection::cancel() {
  PGcancel* request = PQgetCancel(session_->conn);
  if (request == nullptr) return;
  char reason[256];
  PQcancel(request, reason, sizeof reason);
  PQfreeCancel(request);
}

Result<std::optional<std::pair<std::string, std::string>>> Connection::wait_notification(
    std::chrono::milliseconds timeout) {
  using Found = std::optional<std::pair<std::string, std::string>>;
  auto take = [this]() -> Found {
    PGnotify* note = PQnotifies(session_->conn);
    if (note == nullptr) return std::nullopt;
    Found found = std::make_pair(std::string(note->relname), std::string(note->extra));
    PQfreemem(note);
    return found;
  };
  if (auto found = take()) return found;
  pollfd fd{PQsocket(session_->conn), POLLIN, 0};
  if (fd.fd < 0) return lost_or("waiting for a notification", nullptr);
  if (poll(&fd, 1, static_cast<int>(timeout.count())) > 0 && PQconsumeInput(session_->conn) != 1) {
    return lost_or("waiting for a notification", nullptr);
  }
  return take();
}

pg_conn* Connection::native() { return session_->conn; }

// ---- classification, quoting, masking

Trouble trouble_of(std::string_view sqlstate, bool connected) {
  if (!connected) return Trouble::connection;
  if (sqlstate.empty()) return Trouble::connection;
  const std::string_view group = sqlstate.substr(0, 2);
  if (group == "22" || group == "23") return Trouble::data;
  if (group == "40" || sqlstate == "55P03" || sqlstate == "57014") return Trouble::retry;
  if (group == "08" || sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03") {
    return Trouble::connection;
  }
  if (group == "53" || group == "58" || group == "57" || group == "28" || group == "25" || sqlstate == "42501" ||
      group == "XX") {
    return Trouble::environment;
  }
  return Trouble::statement;
}

namespace {
std::string quoted(std::string_view text, char mark) {
  std::string out(1, mark);
  for (const char c : text) {
    if (c == '\0') break;
    if (c == mark) out += mark;
    out += c;
  }
  out += mark;
  return out;
}
}  // namespace

std::string quote_name(std::string_view name) { return quoted(name, '"'); }
// standard_conforming_strings is switched on for every session, so a backslash is itself.
std::string quote_text(std::string_view text) { return quoted(text, '\''); }

std::string mask_password(std::string_view uri) {
  std::string out(uri);
  // user:password@ of a URI; the last @ before the path, since a password may hold one.
  if (const size_t scheme = out.find("://"); scheme != std::string::npos) {
    const size_t begin = scheme + 3;
    const size_t limit = std::min(out.find_first_of("/?", begin), out.size());
    const size_t at = out.rfind('@', limit);
    if (at != std::string::npos && at > begin) {
      const size_t colon = out.find(':', begin);
      if (colon != std::string::npos && colon < at) out.replace(colon + 1, at - colon - 1, "***");
    }
  }
  // password=… as keyword or URI parameter, quoted or not.
  for (size_t at = 0; (at = out.find("password", at)) != std::string::npos;) {
    size_t value = at + 8;
    while (value < out.size() && out[value] == ' ') ++value;
    if (value >= out.size() || out[value] != '=') {
      at += 8;
      continue;
    }
    ++value;
    while (value < out.size() && out[value] == ' ') ++value;
    size_t end = value;
    if (end < out.size() && out[end] == '\'') {
      for (++end; end < out.size() && out[end] != '\''; ++end) {
        if (out[end] == '\\') ++end;
      }
      end = std::min(end + 1, out.size());
    } else {
      while (end < out.size() && out[end] != ' ' && out[end] != '&') {
        end += out[end] == '\\' ? 2 : 1;
      }
      end = std::min(end, out.size());
    }
    out.replace(value, end - value, "***");
    at = value + 3;
  }
  return out;
}

}  // namespace sujip::pg
