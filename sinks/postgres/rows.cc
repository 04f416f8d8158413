#include "sinks/postgres/rows.h"

#include <algorithm>
#include <cstring>

#include "core/postgres/copy_text.h"

namespace sujip::sink {
namespace {

// Takes back what write_copy_text() did.
std::string without_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
  }
  return out;
}

}  // namespace

char* Rows::room(size_t bytes) {
  if (size_ + bytes > capacity_) {
    const size_t capacity = std::max(capacity_ * 2, size_ + bytes + 4096);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }
  return bytes_.get() + size_;
}

void Rows::add(std::span<const Cell> cells, RowOrigin origin) {
  cells = cells.first(columns_);
  size_t most = columns_ * 3;  // separators and \N
  for (const Cell& cell : cells) most += cell.plain ? cell.text.size() : 2 * cell.text.size();
  char* const line = room(most);
  char* out = line;
  starts_.push_back(static_cast<uint32_t>(size_));
  for (const Cell& cell : cells) {
    if (&cell != cells.data()) *out++ = '\t';
    const auto at = static_cast<uint32_t>(out - bytes_.get());
    if (cell.null) {
      out = std::copy(pg::kCopyNull.begin(), pg::kCopyNull.end(), out);
      slots_.push_back({at, Slot::kNull});
    } else if (cell.plain) {
      std::memcpy(out, cell.text.data(), cell.text.size());
      out += cell.text.size();
      slots_.push_back({at, static_cast<uint32_t>(cell.text.size()) | Slot::kPlain});
    } else {
      char* const end = pg::write_copy_text(out, cell.text);
      slots_.push_back({at, static_cast<uint32_t>(end - out)});
      out = end;
    }
  }
  *out++ = '\n';
  size_ += static_cast<size_t>(out - line);
  origins_.push_back(origin);
}

void Rows::clear() {
  size_ = 0;
  slots_.clear();
  starts_.clear();
  origins_.clear();
}

bool Rows::is_null(size_t row, size_t column) const { return slot(row, column).size == Slot::kNull; }

std::string Rows::text(size_t row, size_t column) const {
  const Slot& s = slot(row, column);
  if (s.size == Slot::kNull) return "";
  const std::string_view text(bytes_.get() + s.at, s.size & ~Slot::kPlain);
  return (s.size & Slot::kPlain) != 0 ? std::string(text) : without_escapes(text);
}

std::string_view Rows::escaped(size_t row, size_t column) const {
  const Slot& s = slot(row, column);
  if (s.size == Slot::kNull) return {};
  return {bytes_.get() + s.at, s.size & ~Slot::kPlain};
}

std::string_view Rows::lines(size_t from, size_t count) const {
  if (count == 0) return {};
  const size_t end = from + count == starts_.size() ? size_ : starts_[from + count];
  return {bytes_.get() + starts_[from], end - starts_[from]};
}

void append_array_element(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

std::string array_of(const std::vector<std::string>& texts) {
  std::string out = "{";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    append_array_element(out, text);
  }
  return out + "}";
}

void Rows::append_array(std::string& out, size_t column, std::span<const uint32_t> rows) const {
  out += '{';
  bool first = true;
  for (const uint32_t row : rows) {
    if (!first) out += ',';
    first = false;
    const Slot& s = slot(row, column);
    if (s.size == Slot::kNull) {
      out += "NULL";
    } else if ((s.size & Slot::kPlain) != 0) {
      out += '"';
      out.append(bytes_.get() + s.at, s.size & ~Slot::kPlain);
      out += '"';
    } else {
      append_array_element(out, text(row, column));
    }
  }
  out += '}';
}

}  // namespace sujip::sink
