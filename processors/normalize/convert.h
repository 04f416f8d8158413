#pragma once
// A field of the record or the result of an expression -> a field of the row. Strict: a value that
// does not fit the declared type is refused with the reason for the dead letter, never bent.

#include <string>
#include <string_view>

#include "core/expressions/value.h"
#include "processors/normalize/raw_record.h"
#include "topics/row.h"

namespace sujip::normalize {

// False when the value does not fit; `reason` then says field, value and what was expected.
bool set_field(RowBuilder& row, int field, const RawValue& value, std::string& reason);
bool set_field(RowBuilder& row, int field, const Value& value, std::string& reason);
bool set_number(RowBuilder& row, int field, const Decimal& value, std::string& reason);
bool set_text(RowBuilder& row, int field, std::string_view value, std::string& reason);

// "57,750" with at most 60 bytes, cut between characters.
std::string preview(std::string_view text);

}  // namespace sujip::normalize
