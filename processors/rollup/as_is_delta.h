#pragma once
// Deltas of as-is rollups, on their first way through delta.rollup: by entity, so that one task sees all of
// its days and can tell which row is the latest.
//
// Record key: JSON {"dataset":..,"as_is":<grain>,<fields of the entity>}. Record value: what the rows said,
// then their days as in delta.h. What rows said: of each of RollupShape::key_fields `varint length | JSON`.

#include <string>
#include <string_view>
#include <vector>

#include "processors/rollup/delta.h"

namespace sujip {

std::string entity_key(const RollupShape& shape, const std::vector<FieldValue>& row);

// The values of the shape's key fields, as the row says them.
std::string said_of(const RollupShape& shape, const std::vector<FieldValue>& row);
// Takes them off the front of `in`; one view into it per key field. False when damaged.
bool read_said(const RollupShape& shape, std::string_view& in, std::vector<std::string_view>& out);

// Places of the key fields that as-is takes from the latest row.
std::vector<size_t> moving_fields(const RollupShape& shape);
// As rollup_key(), of values in JSON, one per key field.
std::string rollup_key(const RollupShape& shape, const std::vector<std::string_view>& values);

}  // namespace sujip
