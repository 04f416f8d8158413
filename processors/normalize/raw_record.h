#pragma once
// The top-level fields of a raw record, found in one pass and not decoded further.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/expressions/value.h"
#include "core/result.h"

namespace sujip::normalize {

struct RawValue {
  enum class Kind : uint8_t { absent, null, boolean, number, text, nested };
  Kind kind = Kind::absent;
  std::string_view text;  // number: its digits; text: without quotes and escapes; boolean: its word
  std::string_view raw;   // as it stands in the JSON

  bool has_value() const { return kind > Kind::null; }
};

// Calls field(position, name, value) for every top-level field in order; views live until the next
// call in this thread. `field` returns false to stop (it has kept its own error). An error says why
// the text is not one JSON object.
using FieldSink = bool (*)(void* context, size_t position, std::string_view name,
                           const RawValue& value);
Status read_fields(std::string_view json, FieldSink field, void* context);

// A nested value that was only skipped may be damaged inside; this looks.
Status check_nested(const RawValue& value);

Value to_value(const RawValue& raw);

}  // namespace sujip::normalize
