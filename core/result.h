#pragma once
// Result<T>: a value or an Error a person can act on. Expected failures (bad input, an unreachable
// broker) travel as values; exceptions are left for broken invariants.

#include <string>
#include <utility>
#include <variant>

namespace sujip {

// What happened, where it happened, what to do. `where` names topic/partition/offset, file/row/column
// or source/account/date. Never holds a secret.
struct Error {
  std::string what;
  std::string where;
  std::string hint;

  // "where: what (hint)"; empty parts are left out.
  std::string message() const;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by intent
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// A Result without a value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT

  static Status success() { return {}; }
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace sujip

#define SUJIP_CONCAT_INNER(a, b) a##b
#define SUJIP_CONCAT(a, b) SUJIP_CONCAT_INNER(a, b)

// SUJIP_TRY(auto x, f()): x = the value of f(), or return its error.
#define SUJIP_TRY(decl, expr) SUJIP_TRY_IMPL(SUJIP_CONCAT(sujip_try_, __LINE__), decl, expr)
#define SUJIP_TRY_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                    \
  if (!tmp.ok()) return tmp.error();    \
  decl = std::move(tmp).value()

// SUJIP_CHECK_OK(f()): return the error of a Status (or Result) when it failed.
#define SUJIP_CHECK_OK(expr) SUJIP_CHECK_OK_IMPL(SUJIP_CONCAT(sujip_status_, __LINE__), expr)
#define SUJIP_CHECK_OK_IMPL(tmp, expr) \
  if (auto tmp = (expr); !tmp.ok()) return tmp.error()
