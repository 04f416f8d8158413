#pragma once
// One session with PostgreSQL over plain libpq. Nothing here reconnects behind the caller's back: a
// lost connection is an error, and what was committed is found out by asking the database.
//
// A Connection belongs to one thread at a time (only cancel() may come from another one).

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

struct pg_conn;
struct pg_result;

namespace sujip::pg {

// A text parameter, or null.
class Param {
 public:
  Param(std::nullopt_t) {}         // NOLINT: implicit by intent, so query(sql, 1, "a", nullopt) reads well
  Param(std::nullptr_t) = delete;  // write std::nullopt
  template <class T>
    requires std::convertible_to<T, std::string_view>
  Param(const T& text) : text_(std::string(std::string_view(text))) {}  // NOLINT
  Param(bool value) : text_(value ? "t" : "f") {}                       // NOLINT
  template <class T>
    requires(std::integral<T> && !std::same_as<T, bool>)
  Param(T value) : text_(std::to_string(value)) {}  // NOLINT
  template <class T>
  Param(const std::optional<T>& value) {  // NOLINT
    if (value) *this = Param(*value);
  }

  bool is_null() const { return !text_.has_value(); }
  const char* c_str() const { return text_ ? text_->c_str() : nullptr; }
  const std::string* get() const { return text_ ? &*text_ : nullptr; }

 private:
  std::optional<std::string> text_;
};

// What a statement returned. Views into it live as long as the Rows.
class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* result);

  int size() const;     // number of rows
  int columns() const;  // number of columns
  bool empty() const { return size() == 0; }
  int64_t affected() const;  // rows inserted, updated or deleted; 0 for other statements
  std::string_view name(int column) const;

  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;  // "" for null
  std::optional<std::string> maybe_text(int row, int column) const;
  int64_t integer(int row, int column) const;  // 0 for null or text that is no number
  std::optional<int64_t> maybe_integer(int row, int column) const;
  bool boolean(int row, int column) const;  // false for null

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

struct ConnectOptions {
  std::string application_name = "sujip";
  std::chrono::seconds connect_timeout{5};
  // SET after connecting: {"lock_timeout", "2s"}
  std::vector<std::pair<std::string, std::string>> session;
};

// Kinds of SQLSTATE that call for different answers.
enum class Trouble {
  none,
  data,         // classes 22, 23: this row can't be stored; others can
  retry,        // serialization failure, deadlock, lock timeout: the same statement may work
  connection,   // session lost or server shutting down: the outcome of a COMMIT is unknown
  environment,  // disk full, no permission, read only: a person has to act, then the same works
  statement,    // wrong SQL, missing table or column
};
Trouble trouble_of(std::string_view sqlstate, bool connected);

class Connection {
 public:
  // uri: libpq URI or keywords. The password never appears in a message.
  static Result<Connection> open(const std::string& uri, const ConnectOptions& options = {});

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // One or more statements without parameters; the result of the last one.
  Result<Rows> exec(const std::string& sql);

  // One statement with text parameters $1…: query("… where a = $1 and b = $2", 7, "x").
  template <class... P>
  Result<Rows> query(const std::string& sql, const P&... params) {
    const Param list[] = {Param(params)..., Param(std::nullopt)};
    return query_params(sql, std::span<const Param>(list, sizeof...(P)));
  }
  Result<Rows> query_params(const std::string& sql, std::span<const Param> params);

  // Prepares once per connection and name; later calls with the same name are free.
  Status prepare(const std::string& name, const std::string& sql);
  bool prepared(const std::string& name) const;
  template <class... P>
  Result<Rows> run(const std::string& name, const P&... params) {
    const Param list[] = {Param(params)..., Param(std::nullopt)};
    return run_params(name, std::span<const Param>(list, sizeof...(P)));
  }
  Result<Rows> run_params(const std::string& name, std::span<const Param> params);
  // Zero-terminated texts, nullptr = null; nothing is copied.
  Result<Rows> run_texts(const std::string& name, std::span<const char* const> texts);
  void forget_prepared();  // after a table changed its shape

  // COPY … FROM STDIN: begin, any number of sends of whole or partial lines, end.
  // After an error of send the caller calls copy_abort.
  Status copy_begin(const std::string& copy_sql);
  Status copy_send(std::string_view bytes);
  Result<int64_t> copy_end();  // rows copied
  void copy_abort(const std::string& reason);

  // SQLSTATE of the last error of this connection ("" when it came from the client or network).
  const std::string& sqlstate() const;
  Trouble trouble() const;  // of the last error
  bool connected() const;   // false after the session was lost
  bool in_transaction() const;
  int server_version() const;  // 150004
  // host:port/database, for messages; no user, no password.
  const std::string& where() const;
  int backend_pid() const;

  // Asks the server to stop the running statement; may be called from another thread.
  void cancel();

  // LISTEN/NOTIFY: waits up to `timeout` for a notification; (channel, payload) or nothing.
  Result<std::optional<std::pair<std::string, std::string>>> wait_notification(std::chrono::milliseconds timeout);

  pg_conn* native();

 private:
  struct Session;
  explicit Connection(std::unique_ptr<Session> session);
  Result<Rows> finish(pg_result* result, std::string_view doing);
  Error lost_or(std::string_view doing, pg_result* result);

  std::unique_ptr<Session> session_;
};

// BEGIN … COMMIT; rolled back when it goes out of scope uncommitted.
class Transaction {
 public:
  static Result<Transaction> begin(Connection& connection, const std::string& modes = "");
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // When it fails with connection.trouble() == Trouble::connection the outcome is unknown.
  Status commit();
  void rollback();
  Connection& connection() { return *connection_; }

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

// "weird ""name""" and 'it''s'; both are safe whatever the text holds (NUL is cut).
std::string quote_name(std::string_view name);
std::string quote_text(std::string_view text);

// The URI or keyword string without its password, for messages.
std::string mask_password(std::string_view uri);

}  // namespace sujip::pg
