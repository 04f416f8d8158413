#include "producers/files/row_encoder.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/json_text.h"
#include "producers/files/byte_scan.h"
#include "producers/files/encoding.h"

namespace sujip::feeds {
namespace {

void append_cell(std::string& out, std::string_view cell) {
  size_t i = 0;
  while (i + 16 <= cell.size() && plain_json16(cell.data() + i)) i += 16;
  const bool plain = std::all_of(cell.begin() + static_cast<ptrdiff_t>(i), cell.end(),
                                 [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; });
  if (!plain) return append_json_string(out, cell);
  out += '"';
  out += cell;
  out += '"';
}

void append_hex(std::string& out, uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[(value >> shift) & 0xF];
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

uint32_t Occurrences::next(uint64_t hash) {
  if ((used_ + 1) * 2 > slots_.size()) grow();
  size_t i = hash & (slots_.size() - 1);
  while (slots_[i].count != 0 && slots_[i].hash != hash) i = (i + 1) & (slots_.size() - 1);
  if (slots_[i].count == 0) {
    slots_[i].hash = hash;
    ++used_;
  }
  return slots_[i].count++;
}

void Occurrences::grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(std::max<size_t>(1024, old.size() * 2), Slot{0, 0});
  for (const Slot& slot : old) {
    if (slot.count == 0) continue;
    size_t i = slot.hash & (slots_.size() - 1);
    while (slots_[i].count != 0) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
  }
}

void Occurrences::clear() {
  slots_.clear();
  used_ = 0;
}

Result<RowEncoder> RowEncoder::create(const std::vector<std::string>& columns, const std::vector<std::string>& key) {
  RowEncoder self;
  for (const std::string& column : columns) {
    std::string prefix = self.prefixes_.empty() ? "{" : ",";
    append_json_string(prefix, column);
    self.prefixes_.push_back(prefix + ":");
  }
  for (const std::string& name : key) {
    const auto at = std::find(columns.begin(), columns.end(), name);
    if (at == columns.end()) return Error{fmt::format("no column \"{}\", which is the key", name), "", ""};
    self.key_.push_back(static_cast<size_t>(at - columns.begin()));
  }
  return self;
}

void RowEncoder::encode(const CsvRow& row, std::string& json, std::string& key) {
  const size_t begin = json.size();
  for (size_t i = 0; i < row.cells.size(); ++i) {
    json += prefixes_[i];
    append_cell(json, row.cells[i]);
  }
  json += '}';
  if (key_.size() == 1) {
    key += row.cells[key_[0]];
  } else if (!key_.empty()) {
    for (size_t i = 0; i < key_.size(); ++i) {
      key += i == 0 ? '[' : ',';
      append_cell(key, row.cells[key_[i]]);
    }
    key += ']';
  } else {
    const uint64_t hash = XXH3_64bits(json.data() + begin, json.size() - begin);
    append_hex(key, hash);
    fmt::format_to(std::back_inserter(key), "-{}", occurrences_.next(hash));
  }
}

std::vector<std::string> column_names(std::span<const std::string_view> header) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const std::string_view cell : header) {
    std::string name = compose_hangul(trimmed(cell));
    if (name.empty()) name = fmt::format("column_{}", names.size() + 1);
    const std::string base = name;
    for (int n = 2; !taken.insert(name).second; ++n) name = fmt::format("{}_{}", base, n);
    names.push_back(name);
  }
  return names;
}

}  // namespace sujip::feeds
