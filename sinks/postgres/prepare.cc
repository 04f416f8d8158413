#include "sinks/postgres/prepare.h"

#include <algorithm>
#include <unordered_map>

#include "sinks/postgres/tables.h"

namespace sujip::sink {
namespace {

constexpr size_t kPreview = 500;
constexpr size_t kAhead = 4;  // messages whose bytes are fetched before they are needed
constexpr size_t kLine = 64;  // of the processor's cache

std::string row_key(const Table& table, std::span<const Cell> cells) {
  std::string key;
  for (const int k : table.key) {
    const Cell& cell = cells[static_cast<size_t>(k)];
    key.append(cell.null ? std::string_view() : cell.text);
    key += '\0';
  }
  return key;
}

std::string_view key_of(const rd_kafka_message_t& message) {
  if (message.key == nullptr) return {};
  return {static_cast<const char*>(message.key), message.key_len};
}

// Looks at the message itself only when it must: it lies far from its value and its key.
Decoded decode_message(Decoder& decode, const Batch& batch, uint32_t index, std::string_view key) {
  Position at;
  if (decode.wants_position()) {
    const rd_kafka_message_t& message = batch.message(index);
    at = {message.partition, message.offset, kafka::timestamp_of(message)};
  }
  return decode.decode(key, batch.value(index), at);
}

Decoded decode_message(Decoder& decode, const Batch& batch, uint32_t index) {
  return decode_message(decode, batch, index, key_of(batch.message(index)));
}

void fetch_ahead(std::string_view value) {
  for (size_t i = 0; i < value.size() && i < 8 * kLine; i += kLine) __builtin_prefetch(value.data() + i);
}

TableRows& rows_of(Prepared& out, const Table& table) {
  return out.tables.try_emplace(qualified(table), table).first->second;
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

void Prepared::clear() {
  for (auto& [name, rows] : tables) {
    rows.removals.clear();
    rows.upserts.clear();
  }
  bad.clear();
  loads = false;
}

Preparer::Preparer(std::shared_ptr<const topics::Liveness> live)
    : live_(std::move(live)), loading_(loading_table()), price_(price_history_table()) {}
Preparer::~Preparer() = default;

Decoder& Preparer::decoder(const Table& table) {
  auto found = decoders_.find(&table);
  if (found == decoders_.end()) found = decoders_.emplace(&table, Decoder(table)).first;
  return found->second;
}

void Preparer::prepare(Batch& batch, TimeMs now, Prepared& out) {
  out.clear();
  for (auto& [name, part] : batch.parts()) {
    if (part.size == 0) continue;
    if (part.target->table.json_key) {
      keyed(batch, part, out);
    } else {
      ledger(batch, part, out);
    }
    if (part.target->role == Role::scope_run) loads(batch, part, now, out);
  }
}

void Preparer::keyed(Batch& batch, Batch::Part& part, Prepared& out) {
  const Table& table = part.target->table;
  const bool prices = part.target->role == Role::product_change;
  Decoder& decode = decoder(table);
  TableRows& rows = rows_of(out, table);
  const auto& entries = part.keys.sorted();
  for (size_t i = 0; i < entries.size(); ++i) {
    const Coalescer::Entry& entry = entries[i];
    if (i + kAhead < entries.size()) {
      fetch_ahead(batch.value(entries[i + kAhead].message));
    }
    if (entry.removed_before && table.removal == Removal::erase && decode.decode(entry.key, {}).kind == Kind::remove) {
      // A new row under an old key starts anew, whatever its revision.
      rows.removals.add(decode.cells(), {entry.message});
    }
    Decoded decoded = decode_message(decode, batch, entry.message, entry.key);
    switch (decoded.kind) {
      case Kind::upsert:
        rows.upserts.add(decode.cells(), {entry.message});
        if (prices) prices_of(table, entry.message, out);
        break;
      case Kind::remove:
        if (table.removal != Removal::ignore) rows.removals.add(decode.cells(), {entry.message});
        break;
      case Kind::bad:
        out.bad.push_back({entry.message, std::move(decoded.problem)});
        break;
    }
    if (!prices) continue;
    // The table gets the last row only, the history every change.
    for (uint32_t m = batch.previous(entry.message); m != Coalescer::kNone; m = batch.previous(m)) {
      if (decode_message(decode, batch, m, entry.key).kind == Kind::upsert) {
        prices_of(table, m, out);
      }
    }
  }
  for (const uint32_t m : part.messages) {
    out.bad.push_back({m, decode_message(decode, batch, m).problem});
  }
}

// Of the message that was decoded last.
void Preparer::prices_of(const Table& table, uint32_t message, Prepared& out) {
  if (!prices_) {
    price_.schema = table.schema;
    prices_ = std::make_unique<PriceHistory>(table, price_);
  }
  prices_->add(decoder(table).cells(), {message}, rows_of(out, price_).upserts);
}

void Preparer::ledger(Batch& batch, const Batch::Part& part, Prepared& out) {
  const Table& table = part.target->table;
  Decoder& decode = decoder(table);
  // Last record of a key counts; the key is known only after decoding.
  std::unordered_map<std::string, uint32_t> last;
  for (const uint32_t m : part.messages) {
    if (batch.value(m).data() == nullptr) continue;  // the end of a compacted key: the table keeps it
    Decoded result = decode_message(decode, batch, m);
    if (result.kind == Kind::upsert) {
      last[row_key(table, decode.cells())] = m;
    } else {
      out.bad.push_back({m, std::move(result.problem)});
    }
  }
  std::vector<std::pair<std::string_view, uint32_t>> order(last.begin(), last.end());
  std::sort(order.begin(), order.end());
  const bool runs = part.target->role == Role::run_log;
  const auto text_of = [&](std::string_view column) {
    return decode.cells()[static_cast<size_t>(table.column_index(column))].text;
  };
  const int value = table.column_index("value_preview");
  Rows& rows = rows_of(out, table).upserts;
  for (const auto& [key, m] : order) {
    if (decode_message(decode, batch, m).kind != Kind::upsert) continue;
    if (runs && text_of("stage") != "collect" && !is_live(text_of("dataset"))) continue;
    std::vector<Cell> cells(decode.cells().begin(), decode.cells().end());
    std::string shown;
    if (value >= 0 && !cells[static_cast<size_t>(value)].null) {
      shown = preview(unbase64(cells[static_cast<size_t>(value)].text), kPreview);
      cells[static_cast<size_t>(value)] = {shown, false};
    }
    rows.add(cells, {m});
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
  TableRows& rows = out.tables.try_emplace(qualified(loading_) + ":sink", loading_).first->second;
  for (const uint32_t m : part.messages) {
    if (batch.value(m).data() == nullptr) continue;
    if (decode_message(decided, batch, m).kind != Kind::upsert) continue;
    const Cell& text = decided.cells()[verdict];
    if (text.null || !is_applied(text.text)) continue;
    if (decode_message(decode, batch, m).kind != Kind::upsert) continue;
    if (!is_live(decode.cells()[static_cast<size_t>(loading_.column_index("dataset"))].text)) continue;
    std::vector<Cell> cells(decode.cells().begin(), decode.cells().end());
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
    const size_t length = c < 0x80                ? 1
                          : c >= 0xC2 && c < 0xE0 ? 2
                          : c >= 0xE0 && c < 0xF0 ? 3
                          : c >= 0xF0 && c < 0xF5 ? 4
                                                  : 0;
    bool whole = length > 0 && i + length <= bytes.size() && c != 0;
    for (size_t k = 1; whole && k < length; ++k) {
      whole = (static_cast<unsigned char>(bytes[i + k]) & 0xC0) == 0x80;
    }
    if (whole && length >= 3) {
      // Overlong forms, surrogates and what is above U+10FFFF.
      const auto d = static_cast<unsigned char>(bytes[i + 1]);
      whole =
          !((c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) || (c == 0xF0 && d < 0x90) || (c == 0xF4 && d > 0x8F));
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
