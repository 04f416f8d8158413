#pragma once
// A JSON-like value as templates see it. Numbers are exact decimals, never binary floating point:
// a number with scale > 0 plays the part of Python's float (it prints as "1.0"), scale 0 of int.
// Lists and objects are shared and copied on write, so copies are cheap.

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/decimal.h"
#include "core/result.h"

namespace sujip {

class Object;

// A point in time (or a civil day when date_only) seen in a zone `offset_seconds` ahead of UTC.
struct DateTime {
  int64_t micros = 0;  // since 1970-01-01T00:00:00Z
  int32_t offset_seconds = 0;
  bool date_only = false;
};

// An ISO 8601 duration; months stay apart because their length depends on where they start.
struct Duration {
  int64_t micros = 0;
  int32_t months = 0;
};

class Value {
 public:
  // Same order as the alternatives of the variant.
  enum class Kind : uint8_t { undefined, null, boolean, number, string, list, object, datetime, duration };
  using List = std::vector<Value>;

  Value() = default;  // undefined
  static Value null() {
    Value v;
    v.data_ = Null{};
    return v;
  }
  template <std::same_as<bool> B>
  Value(B b) : data_(b) {}  // NOLINT: implicit by intent, like the others
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  Value(I i) : data_(Decimal{static_cast<Int128>(i), 0}) {}  // NOLINT
  Value(Decimal d) : data_(d) {}                             // NOLINT
  Value(std::string s) : data_(std::move(s)) {}              // NOLINT
  Value(std::string_view s) : data_(std::string(s)) {}       // NOLINT
  Value(const char* s) : data_(std::string(s)) {}            // NOLINT
  Value(List list);                                          // NOLINT
  Value(Object object);                                      // NOLINT
  Value(DateTime t) : data_(t) {}                            // NOLINT
  Value(Duration d) : data_(d) {}                            // NOLINT

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_undefined() const { return kind() == Kind::undefined; }
  bool is_null() const { return kind() == Kind::null; }
  bool is_missing() const { return data_.index() <= 1; }  // undefined or null
  bool is_bool() const { return kind() == Kind::boolean; }
  bool is_number() const { return kind() == Kind::number; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_list() const { return kind() == Kind::list; }
  bool is_object() const { return kind() == Kind::object; }
  bool is_datetime() const { return kind() == Kind::datetime; }
  bool is_duration() const { return kind() == Kind::duration; }

  // Only for the kind named; check it first.
  bool boolean() const { return std::get<bool>(data_); }
  const Decimal& number() const { return std::get<Decimal>(data_); }
  const std::string& string() const { return std::get<std::string>(data_); }
  std::string& mutable_string() { return std::get<std::string>(data_); }
  const List& list() const { return *std::get<std::shared_ptr<List>>(data_); }
  const Object& object() const { return *std::get<std::shared_ptr<Object>>(data_); }
  const DateTime& datetime() const { return std::get<DateTime>(data_); }
  const Duration& duration() const { return std::get<Duration>(data_); }
  // Unshared: writing to it never shows in copies.
  List& mutable_list();
  Object& mutable_object();

  // Python's truth: undefined, null, false, 0, "", [], {} are false.
  bool truthy() const;

  // Equality of values: 1 == 1.0 == true, lists and objects deeply, objects in any order.
  friend bool operator==(const Value& a, const Value& b);

 private:
  struct Undefined {};
  struct Null {};
  std::variant<Undefined, Null, bool, Decimal, std::string, std::shared_ptr<List>, std::shared_ptr<Object>, DateTime,
               Duration>
      data_;
};

// Fields in the order of their first insertion; setting an existing key keeps its place.
class Object {
 public:
  using Field = std::pair<std::string, Value>;

  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  void set(std::string key, Value value);
  // Appends without looking for the key: the caller knows that it is new.
  void append(std::string key, Value value) { fields_.emplace_back(std::move(key), std::move(value)); }
  bool erase(std::string_view key);
  void reserve(size_t n) { fields_.reserve(n); }
  size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

// "string", "number", ... for messages.
std::string_view name_of(Value::Kind kind);

// Parses one JSON text, at most 100 levels deep; of a duplicate key the last value counts. Numbers
// are exact from their text up to 37 digits; digits behind the 18th after the point are rounded
// (half away from zero), larger numbers stay as text.
Result<Value> parse_json(std::string_view text);

// Compact JSON, UTF-8 as it is, numbers in plain notation ("9747747.934"). Undefined is null,
// times are RFC 3339 text, durations ISO 8601 text.
void append_json(std::string& out, const Value& value);
std::string to_json(const Value& value);

// As Python's str(): True, None, 1.0, ['a', 1]; "" for undefined.
void append_python_text(std::string& out, const Value& value);
std::string python_text(const Value& value);

// As Python's json.dumps(): ", " and ": ", ASCII only; optionally sorted and safe inside HTML.
void append_python_json(std::string& out, const Value& value, bool sort_keys, bool html_safe);

// What Python's literal_eval makes of a rendered text: "1_000" -> 1000, "'a'" -> a, "[1,2]" -> list;
// the text itself when it is no literal ("007", "true", "2024-01-01").
Value literal_eval(std::string text);

}  // namespace sujip
