#pragma once
// Every component type the engine knows: nothing is registered behind anybody's back. A type or a field
// that is not in the list is refused where it stands, and only the streams that need it don't run.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "producers/engine/node.h"

namespace sujip::engine {

struct ComponentType {
  std::string_view name;
  std::string_view required;  // space separated fields
  std::string_view optional;
  std::string_view inert;  // allowed by the format, without meaning here
};
const ComponentType* find_component(std::string_view name);

// class_name -> what it stands in for ("CustomAuthenticator"); empty when it is not in the list.
std::string_view native_kind(std::string_view class_name);

// The type of `parent`'s field `field` when the file doesn't say it; empty: there is no default.
std::string_view default_type(std::string_view parent, std::string_view field, bool custom);

// Everything below a component that the engine can't do: "not supported: X at path, file:line".
std::vector<Error> unsupported(const Node& component, const std::string& path);

}  // namespace sujip::engine
