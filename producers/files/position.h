#pragma once
// Where in a file something is wrong, as a person finds it in an editor or a spreadsheet.

#include <cstdint>
#include <string>
#include <string_view>

namespace sujip::feeds {

// A file is refused as a whole; this says why. row and column count from 1; 0 = the file as such.
struct Refusal {
  std::string file;
  int64_t row = 0;     // line of the file
  int64_t column = 0;  // cell of the line
  std::string reason;
  std::string hint;

  // "2011-01-05.csv: row 17, column 3: reason (hint)"
  std::string message() const;
  // "2011-01-05.csv: row 17, column 3"
  std::string where() const;
};

// Number of characters (code points) of valid UTF-8.
int64_t characters_in(std::string_view text);

// Up to `limit` bytes of `text` for a message: control characters shown as '?', cut at a character.
std::string excerpt(std::string_view text, size_t limit = 40);

}  // namespace sujip::feeds
