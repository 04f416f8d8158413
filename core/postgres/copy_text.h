#pragma once
// The text format of COPY: one line per row, fields separated by tabs, \N for null.

#include <string>
#include <string_view>

namespace sujip::pg {

inline constexpr std::string_view kCopyNull = "\\N";

// How many bytes from the start need no escaping: no backslash and no control character.
size_t clean_length(std::string_view text);

// Writes `text` escaped and returns the end. `out` has room for twice its size. NUL is not looked
// for: PostgreSQL refuses it.
char* write_copy_text(char* out, std::string_view text);

// Appends `text` escaped. False (and nothing appended) when it holds a NUL byte, which PostgreSQL
// can't store in text.
[[nodiscard]] bool append_copy_text(std::string& out, std::string_view text);

}  // namespace sujip::pg
