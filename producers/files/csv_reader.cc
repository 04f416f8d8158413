#include "producers/files/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "producers/files/byte_scan.h"
#include "producers/files/position.h"

namespace sujip::feeds {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";  // U+FEFF, left over in joined files

// Walks the positions of the set's bytes in `text`, in order.
class Specials {
 public:
  Specials(std::string_view text, size_t from, const ByteSet& set) : text_(text), set_(set), block_(from) { load(); }

  // Position of the next one; text.size() when there is none.
  size_t next() {
    while (mask_ == 0) {
      block_ += 64;
      if (block_ >= text_.size()) return text_.size();
      load();
    }
    const auto bit = static_cast<size_t>(std::countr_zero(mask_));
    mask_ &= mask_ - 1;
    return block_ + bit;
  }

 private:
  void load() {
    if (block_ + 64 <= text_.size()) {
      mask_ = set_.find64(text_.data() + block_);
      return;
    }
    mask_ = 0;
    if (block_ >= text_.size()) return;
    char tail[64] = {};
    const size_t size = text_.size() - block_;
    text_.copy(tail, size, block_);
    mask_ = set_.find64(tail) & ((uint64_t{1} << size) - 1);
  }

  std::string_view text_;
  const ByteSet& set_;
  size_t block_;
  uint64_t mask_ = 0;
};

}  // namespace

CsvReader::CsvReader(const CsvDialect& dialect) : dialect_(dialect), preamble_left_(dialect.preamble) {}

bool CsvReader::skip_preamble(std::string_view text, bool last, size_t& at) {
  while (preamble_left_ > 0) {
    const size_t end = text.find('\n', at);
    if (end == std::string_view::npos) {
      if (last) at = text.size();
      return last;  // wait for the rest of the line
    }
    at = end + 1;
    ++line_;
    --preamble_left_;
  }
  return true;
}

CsvReader::Step CsvReader::next_row(std::string_view text, bool last, size_t& at) {
  const size_t begin = at;
  const char delimiter = dialect_.delimiter;
  const bool quoting = dialect_.quote.has_value();
  const char quote = dialect_.quote.value_or('\n');
  const ByteSet set(delimiter, '\n', '\0', quote);
  Specials specials(text, begin, set);

  cells_.clear();
  Cell cell{begin, begin, false, false};
  bool inside = false;  // of quotes
  size_t opened = begin;
  for (;;) {
    const size_t p = specials.next();
    if (p >= text.size()) break;
    const char c = text[p];
    if (c == '\0') {
      return fail(text, begin, p, "the character NUL", "is it a text file, and not UTF-16?");
    }
    if (inside) {
      if (c != quote) continue;
      const size_t after = p + 1;
      if (after == text.size() && !last) break;
      if (after < text.size() && text[after] == quote) {
        cell.doubled = true;
        specials.next();
        continue;
      }
      const bool line_end = after == text.size() || text[after] == '\n' ||
                            (text[after] == '\r' && (after + 1 == text.size() ? last : text[after + 1] == '\n'));
      if (!line_end && text[after] == '\r' && after + 1 == text.size()) break;  // CR of a CRLF?
      if (!line_end && text[after] != delimiter) {
        return fail(
            text, begin, after,
            fmt::format("bad quote: text follows the closing quote (\"{}\")", excerpt(text.substr(after, 20), 12)),
            "a quote inside a quoted cell is written twice");
      }
      inside = false;
      cell.end = p;
      continue;
    }
    if (quoting && c == quote) {
      const std::string_view before = text.substr(cell.begin, p - cell.begin);
      if (!cell.quoted && (before.empty() || before == kMark)) {
        cell.quoted = inside = true;
        cell.begin = p + 1;
        opened = p;
      } else if (!dialect_.stray_quotes) {
        return fail(text, begin, p, "bad quote: a quote inside a cell that doesn't start with one",
                    "when the file uses quotes as plain characters, declare csv.quote: none");
      }
      continue;
    }
    if (!cell.quoted) cell.end = p;
    if (c == delimiter) {
      cells_.push_back(cell);
      cell = Cell{p + 1, p + 1, false, false};
      continue;
    }
    // The end of the line.
    if (!cell.quoted && cell.end > cell.begin && text[cell.end - 1] == '\r') --cell.end;
    cells_.push_back(cell);
    at = p + 1;
    return close_row(text, begin, p);
  }

  if (!last) {
    if (text.size() - begin > dialect_.max_row_bytes) {
      return fail(text, begin, inside ? opened : begin,
                  fmt::format("a row of more than {} bytes", dialect_.max_row_bytes),
                  inside ? "is a closing quote missing?" : "is it the declared delimiter and format?");
    }
    return Step::more;
  }
  if (inside) {
    return fail(text, begin, opened, "bad quote: it is never closed",
                "the file may be cut, or a quote is a plain character there");
  }
  if (!cell.quoted) {
    cell.end = text.size();
    if (cell.end > cell.begin && text[cell.end - 1] == '\r') --cell.end;
  }
  cells_.push_back(cell);
  at = text.size();
  return close_row(text, begin, text.size());
}

CsvReader::Step CsvReader::close_row(std::string_view text, size_t begin, size_t end) {
  row_line_ = line_;
  bool doubled = false;
  bool quoted = false;
  for (const Cell& cell : cells_) {
    if (cell.end - cell.begin > dialect_.max_cell_bytes) {
      return fail(
          text, begin, cell.begin,
          fmt::format("a cell of {} bytes; at most {} are taken", cell.end - cell.begin, dialect_.max_cell_bytes),
          "is a closing quote missing?");
    }
    doubled |= cell.doubled;
    quoted |= cell.quoted;
  }
  if (end - begin > dialect_.max_row_bytes) {
    return fail(text, begin, begin, fmt::format("a row of more than {} bytes", dialect_.max_row_bytes),
                "is it the declared delimiter and format?");
  }
  const bool blank = cells_.size() == 1 && !quoted && cells_[0].begin == cells_[0].end;
  if (!blank && columns_ != 0 && cells_.size() != columns_) {
    const bool few = cells_.size() < columns_;
    const size_t at = few ? cells_.back().end : cells_[columns_].begin;
    return fail(text, begin, at, fmt::format("{} columns, the header has {}", cells_.size(), columns_),
                few ? "is the line cut?" : "is a delimiter inside of a cell without quotes?");
  }
  line_ += 1;
  if (quoted) {
    // Only quoted cells can hold line ends.
    for (const Cell& cell : cells_) {
      if (!cell.quoted) continue;
      line_ += std::count(text.begin() + static_cast<ptrdiff_t>(cell.begin),
                          text.begin() + static_cast<ptrdiff_t>(cell.end), '\n');
    }
  }
  if (blank) return Step::blank;

  views_.clear();
  if (doubled) {
    unquoted_.clear();
    unquoted_.reserve(end - begin);  // views into it must not move
  }
  for (const Cell& cell : cells_) {
    std::string_view view = text.substr(cell.begin, cell.end - cell.begin);
    if (cell.doubled) {
      const size_t from = unquoted_.size();
      for (size_t i = 0; i < view.size(); ++i) {
        unquoted_ += view[i];
        if (view[i] == *dialect_.quote) ++i;
      }
      view = std::string_view(unquoted_).substr(from);
    }
    if (view.starts_with(kMark)) view.remove_prefix(kMark.size());
    if (view.ends_with(kMark)) view.remove_suffix(kMark.size());
    views_.push_back(view);
  }
  return Step::row;
}

CsvPosition CsvReader::locate(std::string_view row, size_t at) const {
  const std::string_view before = row.substr(0, at);
  CsvPosition where;
  where.line = line_ + std::count(before.begin(), before.end(), '\n');
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 = 0
  where.character = characters_in(before.substr(line_begin)) + 1;
  bool inside = false;
  for (const char c : before) {
    if (dialect_.quote && c == *dialect_.quote) inside = !inside;
    if (c == dialect_.delimiter && !inside) ++where.column;
  }
  return where;
}

CsvReader::Step CsvReader::fail(std::string_view text, size_t begin, size_t at, std::string reason, std::string hint) {
  const CsvPosition where = locate(text.substr(begin), at - begin);
  problem_ = CsvProblem{where, fmt::format("{}, at character {}", reason, where.character), std::move(hint)};
  return Step::failed;
}

void CsvReader::keep_rest(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.data() >= carry_.data() && rest.data() <= carry_.data() + carry_.size()) {
    carry_.erase(0, carry_.size() - rest.size());
  } else {
    carry_.assign(rest);
  }
}

CsvPosition CsvReader::position() const { return locate(carry_, carry_.size()); }

void append_csv_row(std::string& out, std::span<const std::string_view> cells, const CsvDialect& dialect) {
  const char quote = dialect.quote.value_or('"');
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += dialect.delimiter;
    const std::string_view cell = cells[i];
    const bool needed =
        cell.find_first_of(std::string{dialect.delimiter, quote, '\r', '\n'}) != std::string_view::npos ||
        (cell.empty() && cells.size() == 1);
    if (!dialect.quote || !needed) {
      out += cell;
      continue;
    }
    out += quote;
    for (const char c : cell) {
      if (c == quote) out += quote;
      out += c;
    }
    out += quote;
  }
  out += "\r\n";
}

}  // namespace sujip::feeds
