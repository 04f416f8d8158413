#pragma once
// Values as PostgreSQL's functions for binary input take them, in COPY and in arrays: the server
// spends about a tenth less on a row than with texts. The forms are those of its *recv functions
// (src/backend/utils/adt): numbers big-endian, numeric in digits of base 10,000, days and
// microseconds since 2000.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sujip::sink {

enum class Wire : uint8_t {
  text,  // bytes as they are
  json,
  jsonb,
  boolean,
  smallint,
  integer,
  bigint,
  float8,
  numeric,
  date,
  timestamptz,
  none,  // a type whose form isn't written here: it goes as text, and the server makes it of that
};

// type: as format_type() says it.
Wire wire_of(std::string_view type);
// Texts that stay texts, but for a prefix.
constexpr bool is_text(Wire wire) {
  return wire <= Wire::jsonb || wire == Wire::none;
}
constexpr std::string_view prefix_of(Wire wire) {
  return wire == Wire::jsonb ? std::string_view("\1", 1) : std::string_view();
}
// The element's type in an array: pg_type.oid, which never changes for types of the system.
uint32_t oid_of(Wire wire);

// Bytes that write_wire() may need.
constexpr size_t wire_room(std::string_view text) {
  return 16 + text.size();
}
// Writes the value that `text` says, of a wire that is no text, and returns the end. nullptr: it may
// say one, but not in the form that is read here; the server knows more.
char* write_wire(char* out, Wire wire, std::string_view text);

}  // namespace sujip::sink
