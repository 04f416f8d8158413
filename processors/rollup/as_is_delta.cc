#include "processors/rollup/as_is_delta.h"

#include <algorithm>

#include "core/json_text.h"
#include "topics/row_json.h"

namespace sujip {

std::string entity_key(const RollupShape& shape, const std::vector<FieldValue>& row) {
  std::string out = "{";
  append_json_field(out, "dataset", shape.dataset->name);
  append_json_field(out, "as_is", shape.set->grain);
  for (const int i : shape.set->as_is) {
    const Field& field = shape.dataset->fields[static_cast<size_t>(i)];
    append_json_name(out, field.name);
    append_value_json(out, field, row[static_cast<size_t>(i)]);
  }
  return out + "}";
}

std::string said_of(const RollupShape& shape, const std::vector<FieldValue>& row) {
  std::string out;
  std::string value;
  for (const int i : shape.key_fields) {
    value.clear();
    append_value_json(value, shape.dataset->fields[static_cast<size_t>(i)], row[static_cast<size_t>(i)]);
    append_varint(out, value.size());
    out += value;
  }
  return out;
}

bool read_said(const RollupShape& shape, std::string_view& in, std::vector<std::string_view>& out) {
  out.clear();
  for (size_t i = 0; i < shape.key_fields.size(); ++i) {
    uint64_t size = 0;
    if (!read_varint(in, size) || size > in.size()) return false;
    out.push_back(in.substr(0, size));
    in.remove_prefix(size);
  }
  return true;
}

std::vector<size_t> moving_fields(const RollupShape& shape) {
  const std::vector<int>& entity = shape.set->as_is;
  std::vector<size_t> out;
  for (size_t i = 0; i < shape.key_fields.size(); ++i)
    // Amounts of different currencies never meet, whatever the latest row says.
    if (shape.key_fields[i] != shape.dataset->currency &&
        std::find(entity.begin(), entity.end(), shape.key_fields[i]) == entity.end())
      out.push_back(i);
  return out;
}

std::string rollup_key(const RollupShape& shape, const std::vector<std::string_view>& values) {
  std::string out = "{";
  append_json_field(out, "dataset", shape.dataset->name);
  append_json_field(out, "grain", shape.set->grain);
  for (size_t i = 0; i < shape.key_fields.size(); ++i) {
    append_json_name(out, shape.dataset->fields[static_cast<size_t>(shape.key_fields[i])].name);
    out += values[i];
  }
  return out + "}";
}

}  // namespace sujip
