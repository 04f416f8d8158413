#include "sinks/postgres/prepare.h"

#include <algorithm>
#include <unordered_map>

#include "sinks/postgres/tables.h"

namespace sujip::sink {
namespace {

constexpr size_t kPreview = 500;

std::string row_key(const Table& table, const std::vector<Cell>& cells) {
  std::string key;
  for (const int k : table.key) {
    const Cell& cell = cells[static_cast<size_t>(k)];
    key.append(cell.null ? std::string_view() : cell.text);
    key += '\0';
  }
  return key;
}

std::string_view value_of(const rd_kafka_message_t& message) {
  if (message.payload == nullptr) return {};
  return {static_cast<const char*>(message.payload), message.len};
}

TableRows& rows_of(Prepared& out, const Table& table) {
  return out.tables.try_emplace(table.name, table).first->second;
}

bool is_applied(std::string_view verdict) {
  return verdict == "accepted" || verdict == "partial" || verdict == "released" || verdict == "same";
}

}  // namespace

size_t Prepared::rows() const {
  size_t n = 0;
  for (const auto& [name, rows] : tables) n += rows.removals.size() + rows.upserts.size();
  return n;
}

Preparer::Preparer() : loading_(loading_table()), price_(price_history_table()) {
  // Apart from run_log's own rows: the columns differ.
  loading_.name = "run_log";
}

Decoder& Preparer::decoder(const Table& table) {
  auto found = decoders_.find(&table);
  if (found == decoders_.end()) found = decoders_.emplace(&table, Decoder(table)).first;
  return found->second;
}

Prepared Preparer::prepare(Batch& batch, TimeMs now) {
  Prepared out;
  for (auto& [name, part] : batch.parts()) {
    if (part.messages.empty()) continue;
    if (part.target->table.json_key) {
      keyed(batch, part, out);
    } else {
      ledger(batch, part, out);
    }
    if (part.target->role == Role::scope_run) loads(batch, part, now, out);
    if (part.target->role == Role::product_change) {
      Rows& rows = rows_of(out, price_).upserts;
      for (const uint32_t m : part.messages) prices_.add(value_of(batch.message(m)), {m}, rows);
    }
  }
  return out;
}

void Preparer::keyed(Batch& batch, Batch::Part& part, Prepared& out) {
  const Table& table = part.target->table;
  Decoder& decode = decoder(table);
  TableRows& rows = rows_of(out, table);
  for (const Coalescer::Entry& entry : part.keys.sorted()) {
    if (entry.removed_before && decode.decode(entry.key, {}).kind == Kind::remove) {
      // A new row under an old key starts anew, whatever its revision.
      rows.removals.add(decode.cells(), {entry.message});
    }
    Decoded decoded = decode.decode(entry.key, value_of(batch.message(entry.message)));
    switch (decoded.kind) {
      case Kind::upsert: rows.upserts.add(decode.cells(), {entry.message}); break;
      case Kind::remove: rows.removals.add(decode.cells(), {entry.message}); break;
      case Kind::bad: out.bad.push_back({entry.message, std::move(decoded.problem)}); break;
    }
  }
}

void Preparer::ledger(Batch& batch, const Batch::Part& part, Prepared& out) {
  const Table& table = part.target->table;
  Decoder& decode = decoder(table);
  // Last record of a key counts; the key is known only after decoding.
  Rows decoded(table.columns.size());
  std::unordered_map<std::string, size_t> last;
  for (const uint32_t m : part.messages) {
    const rd_kafka_message_t& message = batch.message(m);
    if (message.payload == nullptr) continue;  // the end of a compacted key: the table keeps it
    Decoded result = decode.decode(kafka::key_of(message), value_of(message));
    if (result.kind != Kind::upsert) {
      out.bad.push_back({m, std::move(result.problem)});
      continue;
    }
    last[row_key(table, decode.cells())] = decoded.size();
    decoded.add(decode.cells(), {m});
  }
  std::vector<std::pair<std::string_view, size_t>> order(last.begin(), last.end());
  std::sort(order.begin(), order.end());
  const int value = table.column_index("value_preview");
  Rows& rows = rows_of(out, table).upserts;
  std::vector<Cell> cells(table.columns.size());
  for (const auto& [key, row] : order) {
    for (size_t c = 0; c < cells.size(); ++c) cells[c] = decoded.cell(row, c);
    std::string shown;
    if (value >= 0 && !cells[static_cast<size_t>(value)].null) {
      shown = preview(unbase64(cells[static_cast<size_t>(value)].text), kPreview);
      cells[static_cast<size_t>(value)] = {shown, false};
    }
    rows.add(cells, decoded.origin(row));
  }
}

void Preparer::loads(Batch& batch, const Batch::Part& part, TimeMs now, Prepared& out) {
  const auto verdict = static_cast<size_t>(part.target->table.column_index("verdict"));
  Decoder& decided = decoder(part.target->table);
  Decoder& decode = decoder(loading_);
  const std::string time = utc_text(now);
  const auto set = [&](std::vector<Cell>& cells, std::string_view column, std::string_view text) {
    cells[static_cast<size_t>(loading_.column_index(column))] = {text, false};
  };
  // Under a name of its own: run_log may also get rows of run.log in this flush.
  TableRows& rows = out.tables.try_emplace("run_log:sink", loading_).first->second;
  for (const uint32_t m : part.messages) {
    const rd_kafka_message_t& message = batch.message(m);
    if (message.payload == nullptr) continue;
    const std::string_view value = value_of(message);
    if (decided.decode(kafka::key_of(message), value).kind != Kind::upsert) continue;
    const Cell& text = decided.cells()[verdict];
    if (text.null || !is_applied(text.text)) continue;
    if (decode.decode(kafka::key_of(message), value).kind != Kind::upsert) continue;
    std::vector<Cell> cells = decode.cells();
    set(cells, "stage", "sink");
    set(cells, "attempt", "1");
    set(cells, "file", "");
    set(cells, "state", "started");
    set(cells, "started_at", time);
    set(cells, "ts", time);
    rows.upserts.add(cells, {m});
    out.loads = true;
  }
}

std::string preview(std::string_view bytes, size_t limit) {
  std::string out;
  for (size_t i = 0; i < bytes.size() && out.size() < limit;) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    const size_t length = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3
                          : c >= 0xF0 && c < 0xF5          ? 4
                                                           : 0;
    bool whole = length > 0 && i + length <= bytes.size() && c != 0;
    for (size_t k = 1; whole && k < length; ++k) {
      whole = (static_cast<unsigned char>(bytes[i + k]) & 0xC0) == 0x80;
    }
    if (whole && length >= 3) {
      // Overlong forms, surrogates and what is above U+10FFFF.
      const auto d = static_cast<unsigned char>(bytes[i + 1]);
      whole = !((c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) || (c == 0xF0 && d < 0x90) ||
                (c == 0xF4 && d > 0x8F));
    }
    if (!whole) {
      out += '?';
      ++i;
      continue;
    }
    out.append(bytes.substr(i, length));
    i += length;
  }
  return out;
}

std::string unbase64(std::string_view text) {
  std::string out;
  uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    uint32_t digit = 0;
    if (c >= 'A' && c <= 'Z') {
      digit = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      digit = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '+') {
      digit = 62;
    } else if (c == '/') {
      digit = 63;
    } else {
      break;
    }
    word = word << 6 | digit;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(word >> bits & 0xFF);
    }
  }
  return out;
}

}  // namespace sujip::sink
