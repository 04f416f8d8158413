#include "sinks/postgres/rows.h"

#include "core/postgres/copy_text.h"

namespace sujip::sink {

void Rows::add(const std::vector<Cell>& cells, RowOrigin origin) {
  for (const Cell& cell : cells) {
    if (cell.null) {
      slots_.push_back({0, Slot::kNull});
      continue;
    }
    slots_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(cell.text.size())});
    bytes_.append(cell.text);
  }
  origins_.push_back(origin);
}

void Rows::clear() {
  bytes_.clear();
  slots_.clear();
  origins_.clear();
}

Cell Rows::cell(size_t row, size_t column) const {
  const Slot slot = slots_[row * columns_ + column];
  if (slot.size == Slot::kNull) return {};
  return {std::string_view(bytes_).substr(slot.at, slot.size), false};
}

void Rows::append_copy_line(std::string& out, size_t row) const {
  for (size_t column = 0; column < columns_; ++column) {
    if (column > 0) out += '\t';
    const Cell value = cell(row, column);
    // NUL was refused by the decoder.
    if (value.null || !pg::append_copy_text(out, value.text)) out += pg::kCopyNull;
  }
  out += '\n';
}

void append_array_element(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void Rows::append_array(std::string& out, size_t column, std::span<const uint32_t> rows) const {
  out += '{';
  bool first = true;
  for (const uint32_t row : rows) {
    if (!first) out += ',';
    first = false;
    const Cell value = cell(row, column);
    if (value.null) {
      out += "NULL";
    } else {
      append_array_element(out, value.text);
    }
  }
  out += '}';
}

}  // namespace sujip::sink
