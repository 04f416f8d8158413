#pragma once
// What a template can see: names with values, and the clock. No clock is read behind its back.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/expressions/value.h"

namespace sujip {

// An object whose fields are decoded when they are asked for.
class LazyObject {
 public:
  virtual ~LazyObject() = default;
  // Undefined when there is no such field.
  virtual Value get(std::string_view key) const = 0;
  // Everything, for `{{ record }}` or `record.items()`.
  virtual Value all() const = 0;
};

class Variables {
 public:
  // Takes the value.
  void set(std::string_view name, Value value);
  // Borrow: the value must live as long as this object or until it is bound again.
  void bind(std::string_view name, const Value* value);
  void bind(std::string_view name, const LazyObject* object);
  // The time of now_utc() and today_utc(); without it these are errors.
  void set_now(int64_t micros_since_epoch) { now_ = micros_since_epoch; }

  struct Slot {
    std::string name;
    Value own;
    const Value* value = nullptr;  // nullptr: `own`
    const LazyObject* lazy = nullptr;
    const Value& get() const { return value != nullptr ? *value : own; }
  };
  // Null when the name is not declared.
  const Slot* find(std::string_view name) const;
  const std::vector<Slot>& slots() const { return slots_; }
  std::optional<int64_t> now() const { return now_; }

 private:
  Slot& slot(std::string_view name);
  std::vector<Slot> slots_;
  std::optional<int64_t> now_;
};

}  // namespace sujip
