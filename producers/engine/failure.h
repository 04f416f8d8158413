#pragma once
// Why something could not be collected, with a class that decides what follows and that reports and
// metrics count by.

#include <string>
#include <utility>
#include <variant>

#include "core/result.h"

namespace sujip::engine {

// Classes in use: config, not_supported, unauthorised, access_lost, not_ready, rate_limited, timeout,
// connect, tls, reset, too_large, http, bad_answer, paging, report_job, stopped.
struct Failure {
  std::string kind = "config";
  Error error;

  Failure() = default;
  Failure(std::string k, Error e) : kind(std::move(k)), error(std::move(e)) {}
  Failure(Error e) : error(std::move(e)) {}  // NOLINT: a plain Error is a configuration problem
};

// A value or a Failure; works with SUJIP_TRY.
template <class T>
class [[nodiscard]] Got {
 public:
  Got(T value) : state_(std::in_place_index<0>, std::move(value)) {}               // NOLINT
  Got(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}     // NOLINT
  Got(Error error) : state_(std::in_place_index<1>, Failure(std::move(error))) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  T* operator->() { return &value(); }
  const Failure& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Failure> state_;
};

struct Done {};

}  // namespace sujip::engine
