#include "core/expressions/variables.h"

namespace sujip {

Variables::Slot& Variables::slot(std::string_view name) {
  for (Slot& s : slots_)
    if (s.name == name) return s;
  slots_.emplace_back();
  slots_.back().name = name;
  return slots_.back();
}

void Variables::set(std::string_view name, Value value) {
  Slot& s = slot(name);
  s.own = std::move(value);
  s.value = nullptr;
  s.lazy = nullptr;
}

void Variables::bind(std::string_view name, const Value* value) {
  Slot& s = slot(name);
  s.value = value;
  s.lazy = nullptr;
}

void Variables::bind(std::string_view name, const LazyObject* object) {
  Slot& s = slot(name);
  s.lazy = object;
  s.value = nullptr;
}

const Variables::Slot* Variables::find(std::string_view name) const {
  for (const Slot& s : slots_)
    if (s.name == name) return &s;
  return nullptr;
}

}  // namespace sujip
