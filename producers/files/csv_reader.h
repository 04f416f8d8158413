#pragma once
// Delimited text after RFC 4180, in a dialect, as it really comes: mixed line ends, line breaks inside
// quotes, a last line without its end. Takes UTF-8 in blocks of any size (see encoding.h) and hands
// over whole rows; the rows don't depend on where the blocks were cut.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sujip::feeds {

struct CsvDialect {
  char delimiter = ',';
  std::optional<char> quote = '"';  // none: a quote is a character like any other
  bool stray_quotes = false;        // a quote inside an unquoted cell is text, not an error
  int preamble = 0;                 // lines before the first row
  size_t max_cell_bytes = 262'144;
  size_t max_row_bytes = 900'000;  // a row becomes one Kafka record
};

// Where the reader is, counted from 1: line of the file, cell of the line, character of the line.
struct CsvPosition {
  int64_t line = 1;
  int64_t column = 1;
  int64_t character = 1;
};

struct CsvProblem {
  CsvPosition at;
  std::string reason;
  std::string hint;
};

// One row; the views live until the callback returns.
struct CsvRow {
  std::span<const std::string_view> cells;
  int64_t line = 1;  // of the file, where the row starts
};

class CsvReader {
 public:
  explicit CsvReader(const CsvDialect& dialect);

  // Rows must have this many cells from now on. Before it is set, any number is fine.
  void expect_columns(size_t columns) { columns_ = columns; }

  // Calls on_row(const CsvRow&) -> bool for each row that ends in what was fed so far; false stops.
  // Blank lines are no rows. False: stopped, or the text is wrong (problem() is set).
  template <class OnRow>
  bool feed(std::string_view text, OnRow&& on_row) {
    return run(text, false, on_row);
  }
  // The text ends here.
  template <class OnRow>
  bool finish(OnRow&& on_row) {
    return run({}, true, on_row);
  }

  const std::optional<CsvProblem>& problem() const { return problem_; }

  // The position right behind what was fed: where a byte that can't be decoded stands.
  CsvPosition position() const;

 private:
  struct Cell {
    size_t begin, end;
    bool quoted, doubled;  // doubled: holds doubled quotes
  };
  enum class Step { row, blank, more, failed };

  template <class OnRow>
  bool run(std::string_view text, bool last, OnRow& on_row) {
    if (problem_) return false;
    if (!carry_.empty()) {
      carry_.append(text);
      text = carry_;
    }
    size_t at = 0;
    bool go_on = skip_preamble(text, last, at);
    while (go_on && at < text.size()) {
      const Step step = next_row(text, last, at);
      if (step == Step::blank) continue;
      if (step == Step::row) {
        go_on = on_row(CsvRow{views_, row_line_});
        continue;
      }
      go_on = step != Step::failed;
      break;
    }
    keep_rest(text, at);
    return go_on && !problem_;
  }

  bool skip_preamble(std::string_view text, bool last, size_t& at);
  // Reads the row at `at` and moves `at` behind it.
  Step next_row(std::string_view text, bool last, size_t& at);
  Step close_row(std::string_view text, size_t row_begin, size_t row_end);
  Step fail(std::string_view text, size_t row_begin, size_t at, std::string reason, std::string hint);
  void keep_rest(std::string_view text, size_t at);
  CsvPosition locate(std::string_view row, size_t at) const;

  CsvDialect dialect_;
  size_t columns_ = 0;
  int preamble_left_;
  int64_t line_ = 1;      // of the next row
  int64_t row_line_ = 1;  // of the row handed over
  std::string carry_;     // the beginning of a row
  std::vector<Cell> cells_;
  std::vector<std::string_view> views_;
  std::string unquoted_;  // cells whose doubled quotes were undone
  std::optional<CsvProblem> problem_;
};

// Appends a row in the dialect, quoted where needed, ended by "\r\n".
void append_csv_row(std::string& out, std::span<const std::string_view> cells, const CsvDialect& dialect);

}  // namespace sujip::feeds
