#pragma once
// The text format of COPY: one line per row, fields separated by tabs, \N for null.

#include <string>
#include <string_view>

namespace sujip::pg {

inline constexpr std::string_view kCopyNull = "\\N";

// Appends `text` escaped. False (and nothing appended) when it holds a NUL byte, which PostgreSQL
// can't store in text.
[[nodiscard]] bool append_copy_text(std::string& out, std::string_view text);

}  // namespace sujip::pg
