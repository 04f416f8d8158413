#include "sinks/postgres/rows.h"

#include <arpa/inet.h>

namespace sujip::sink {

Rows::Rows(const Table& table) : columns_(table.columns.size()) {
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].wire = wire_of(table.columns[c].type);
}

void Rows::add(std::span<const Cell> cells, RowOrigin origin) {
  for (size_t c = 0; c < columns_.size(); ++c) {
    const Cell& cell = cells[c];
    Column& column = columns_[c];
    if (is_text(column.wire)) {
      cell.null ? column.sent.add_null() : column.sent.add(prefix_of(column.wire), cell.text);
      continue;
    }
    if (cell.null) {
      column.texts.add_null();
      column.sent.add_null();
      continue;
    }
    column.texts.add({}, cell.text);
    if (char* const end = write_wire(column.sent.begin_add(wire_room(cell.text)), column.wire, cell.text)) {
      column.sent.end_add(end);
    } else {
      column.sent.add({}, {});  // in its place
      column.fits = false;
    }
  }
  origins_.push_back(origin);
}

void Rows::clear() {
  for (Column& column : columns_) {
    column.sent.clear();
    column.texts.clear();
    column.fits = true;
  }
  origins_.clear();
}

std::string_view Rows::text(size_t row, size_t column) const {
  const Column& c = columns_[column];
  if (is_null(row, column)) return {};
  return c.said()[row].substr(prefix_of(c.wire).size());
}

TextColumns Rows::text_columns() const {
  TextColumns out;
  for (const Column& column : columns_) out.push_back(column.as_text());
  return out;
}

std::string_view Rows::array(size_t column, std::span<const uint32_t> rows, std::string& room) const {
  const Column& c = columns_[column];
  const Elements& elements = c.as_text() ? c.said() : c.sent;
  const uint32_t oid = oid_of(c.as_text() ? Wire::text : c.wire);
  return rows.size() == size() ? elements.array(oid) : elements.array(oid, rows, room);
}

void Rows::append_tuple(std::string& out, size_t row) const {
  const uint16_t fields = htons(static_cast<uint16_t>(columns_.size()));
  out.append(reinterpret_cast<const char*>(&fields), sizeof fields);
  for (const Column& column : columns_) out += column.sent.field(row);
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

}  // namespace sujip::sink
