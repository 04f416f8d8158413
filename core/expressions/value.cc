#include "core/expressions/value.h"

#include <algorithm>

#include "core/expressions/arithmetic.h"

namespace sujip {

Value::Value(List list) : data_(std::make_shared<List>(std::move(list))) {}
Value::Value(Object object) : data_(std::make_shared<Object>(std::move(object))) {}

Value::List& Value::mutable_list() {
  auto& shared = std::get<std::shared_ptr<List>>(data_);
  if (shared.use_count() != 1) shared = std::make_shared<List>(*shared);
  return *shared;
}

Object& Value::mutable_object() {
  auto& shared = std::get<std::shared_ptr<Object>>(data_);
  if (shared.use_count() != 1) shared = std::make_shared<Object>(*shared);
  return *shared;
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::undefined:
    case Kind::null:
      return false;
    case Kind::boolean:
      return boolean();
    case Kind::number:
      return !number().is_zero();
    case Kind::string:
      return !string().empty();
    case Kind::list:
      return !list().empty();
    case Kind::object:
      return !object().empty();
    case Kind::datetime:
      return true;
    case Kind::duration:
      return duration().micros != 0 || duration().months != 0;
  }
  return false;
}

bool operator==(const Value& a, const Value& b) {
  const auto number_of = [](const Value& v) -> std::optional<Decimal> {
    if (v.is_number()) return v.number();
    if (v.is_bool()) return Decimal::of(v.boolean() ? 1 : 0);
    return std::nullopt;
  };
  if (a.kind() != b.kind()) {
    const auto x = number_of(a);
    const auto y = number_of(b);
    return x && y && compare(*x, *y) == 0;
  }
  switch (a.kind()) {
    case Value::Kind::undefined:
    case Value::Kind::null:
      return true;
    case Value::Kind::boolean:
      return a.boolean() == b.boolean();
    case Value::Kind::number:
      return compare(a.number(), b.number()) == 0;
    case Value::Kind::string:
      return a.string() == b.string();
    case Value::Kind::list:
      return a.list() == b.list();
    case Value::Kind::object: {
      if (a.object().size() != b.object().size()) return false;
      return std::all_of(a.object().begin(), a.object().end(), [&](const Object::Field& f) {
        const Value* other = b.object().find(f.first);
        return other != nullptr && *other == f.second;
      });
    }
    case Value::Kind::datetime:
      return a.datetime().micros == b.datetime().micros;
    case Value::Kind::duration:
      return a.duration().micros == b.duration().micros && a.duration().months == b.duration().months;
  }
  return false;
}

const Value* Object::find(std::string_view key) const {
  for (const Field& f : fields_)
    if (f.first.size() == key.size() && f.first == key) return &f.second;
  return nullptr;
}

Value* Object::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

void Object::set(std::string key, Value value) {
  if (Value* old = find(key)) {
    *old = std::move(value);
    return;
  }
  fields_.emplace_back(std::move(key), std::move(value));
}

bool Object::erase(std::string_view key) {
  return std::erase_if(fields_, [&](const Field& f) { return f.first == key; }) != 0;
}

std::string_view name_of(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::undefined:
      return "undefined";
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "boolean";
    case Value::Kind::number:
      return "number";
    case Value::Kind::string:
      return "string";
    case Value::Kind::list:
      return "list";
    case Value::Kind::object:
      return "object";
    case Value::Kind::datetime:
      return "time";
    case Value::Kind::duration:
      return "duration";
  }
  return "";
}

}  // namespace sujip
