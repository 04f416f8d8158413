#pragma once
// The top-level fields of a raw record, found in one pass and not decoded further.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

struct RawField {
  std::string_view name;
  RawValue value;
};

// Every top-level field in order, in place of what `out` held; views live as long as `json`, and until the next call in
// this thread. An error says why the text is not one JSON object.
Status read_fields(std::string_view json, std::vector<RawField>& out);
// The same for nearly all records: no blanks, no escapes, nothing nested. False for all others, and for damaged ones.
bool read_plain_fields(std::string_view json, std::vector<RawField>& out);

// A nested value that was only skipped may be damaged inside; this looks.
Status check_nested(const RawValue& value);

Value to_value(const RawValue& raw);

}  // namespace sujip::normalize
