#pragma once
// Writing JSON text: a handful of appends, and the same into memory that has room.

#include <string>
#include <string_view>

namespace sujip {

// Appends `text` as a JSON string with its quotes. `text` must be UTF-8; bytes above 0x7f are kept.
void append_json_string(std::string& out, std::string_view text);
// The same into memory of at least json_room(text) bytes; returns the end.
char* write_json_string(char* to, std::string_view text);
inline size_t json_room(std::string_view text) { return 6 * text.size() + 2; }

// Appends `"name":` preceded by a comma unless `out` ends in '{'.
void append_json_name(std::string& out, std::string_view name);

// Appends `"name":"text"` with the comma rule of append_json_name.
void append_json_field(std::string& out, std::string_view name, std::string_view text);
void append_json_field(std::string& out, std::string_view name, long long number);

}  // namespace sujip
