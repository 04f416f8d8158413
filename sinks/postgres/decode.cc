#include "sinks/postgres/decode.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "core/calendar.h"
#include "sinks/postgres/json_members.h"

namespace sujip::sink {
namespace {

namespace od = simdjson::ondemand;

constexpr std::string_view kHighestRev = "9223372036854775807";
constexpr size_t kTextSize = 32;  // "2011-01-05T08:26:00.000Z", an integer

bool name_is(const char* raw, std::string_view name) {
  // Within the padded document: the longest name asked for is shorter than the padding.
  return std::memcmp(raw, name.data(), name.size()) == 0 && raw[name.size()] == '"';
}

}  // namespace

struct Decoder::Impl {
  explicit Impl(const Table& t);

  const Table& table;
  std::vector<Cell> cells;
  std::vector<Cell> said;  // key columns as the value has them
  JsonMembers row, before, source, envelope, key;
  std::vector<size_t> partition_cells, offset_cells, timestamp_cells, mark_cells;
  std::vector<size_t> required, key_cells;
  std::string texts;  // made here: times, offsets; cells point into it, so it never moves
  Parser value_parser, key_parser;
  const Column* nul = nullptr;  // a column whose text holds a NUL character

  const Column& column(size_t cell) const {
    return cell < table.columns.size() ? table.columns[cell] : table.aside[cell - table.columns.size()];
  }

  template <class Append>
  void make_text(size_t cell, Append append) {
    if (texts.size() + kTextSize > texts.capacity()) return;  // a member twice: the first counts
    const size_t at = texts.size();
    append(texts);
    cells[cell] = {std::string_view(texts).substr(at), false, true};
  }

  void set_time(size_t cell, int64_t ms) {
    if (ms <= 0) {
      cells[cell] = {};
      return;
    }
    make_text(cell, [ms](std::string& out) { append_utc(out, ms); });
  }

  simdjson::error_code take_string(const Wanted& wanted, od::value& value) {
    const std::string_view token = trimmed(value.raw_json_token());
    if (token.size() < 2 || token.back() != '"') return simdjson::STRING_ERROR;
    if (wanted.json) {
      // With its quotes and escapes it is JSON already.
      std::string_view checked;
      cells[wanted.cell] = {token, false};
      return value.get_string().get(checked);
    }
    const std::string_view inner = token.substr(1, token.size() - 2);
    if (!holds(inner, '\\')) {
      // simdjson has refused bare control characters and broken UTF-8.
      cells[wanted.cell] = {inner, false, true};
      return simdjson::SUCCESS;
    }
    std::string_view text;
    if (auto e = value.get_string().get(text)) return e;
    if (holds(text, '\0')) nul = &column(wanted.cell);
    cells[wanted.cell] = {text, false};
    return simdjson::SUCCESS;
  }

  simdjson::error_code take(const Wanted& wanted, od::value value) {
    od::json_type type;
    if (auto e = value.type().get(type)) return e;
    Cell& cell = cells[wanted.cell];
    switch (type) {
      case od::json_type::null: {
        bool null = false;
        if (auto e = value.is_null().get(null)) return e;
        if (!null) return simdjson::N_ATOM_ERROR;
        cell = {};
        return simdjson::SUCCESS;
      }
      case od::json_type::string:
        return take_string(wanted, value);
      case od::json_type::number: {
        if (wanted.millis) {
          int64_t ms = 0;
          if (auto e = value.get_int64().get(ms)) return e;
          set_time(wanted.cell, ms);
          return simdjson::SUCCESS;
        }
        // The digits as they stand: never through a double.
        cell = {trimmed(value.raw_json_token()), false, true};
        return is_number(cell.text) ? simdjson::SUCCESS : simdjson::NUMBER_ERROR;
      }
      case od::json_type::boolean: {
        bool flag = false;
        if (auto e = value.get_bool().get(flag)) return e;
        cell = {flag ? "true" : "false", false, true};
        return simdjson::SUCCESS;
      }
      case od::json_type::object: {
        od::object object;
        std::string_view raw;
        if (auto e = value.get_object().get(object)) return e;
        if (auto e = object.raw_json().get(raw)) return e;
        cell = {trimmed(raw), false};
        return simdjson::SUCCESS;
      }
      case od::json_type::array: {
        od::array array;
        std::string_view raw;
        if (auto e = value.get_array().get(array)) return e;
        if (auto e = array.raw_json().get(raw)) return e;
        cell = {trimmed(raw), false};
        return simdjson::SUCCESS;
      }
    }
    return simdjson::INCORRECT_TYPE;
  }

  // The member's name may be spelled with escapes; that is rare enough to compare it slowly.
  simdjson::error_code take_member(JsonMembers& members, od::field& field, const char* end) {
    const char* raw = field.key().raw();
    const Wanted* wanted = members.find(raw, end);
    if (wanted == nullptr) {
      const auto* quote = static_cast<const char*>(std::memchr(raw, '"', static_cast<size_t>(end - raw)));
      if (quote == nullptr || !holds({raw, static_cast<size_t>(quote - raw)}, '\\')) {
        return simdjson::SUCCESS;
      }
      std::string_view name;
      if (auto e = field.unescaped_key().get(name)) return e;
      const std::string quoted = std::string(name) + '"';
      wanted = members.find(quoted.data(), quoted.data() + quoted.size());
      if (wanted == nullptr) return simdjson::SUCCESS;
    }
    return take(*wanted, field.value());
  }

  simdjson::error_code walk(od::object object, JsonMembers& members, const char* end) {
    members.rewind();
    for (auto member : object) {
      od::field field;
      if (auto e = std::move(member).get(field)) return e;
      if (auto e = take_member(members, field, end)) return e;
    }
    return simdjson::SUCCESS;
  }

  // `there`: the value is not null.
  simdjson::error_code walk_inner(od::value value, JsonMembers& members, const char* end, bool& there) {
    od::json_type type;
    if (auto e = value.type().get(type)) return e;
    there = type != od::json_type::null;
    if (!there) return simdjson::SUCCESS;
    od::object inner;
    if (auto e = value.get_object().get(inner)) return e;
    return walk(inner, members, end);
  }

  // `removed`: there is no row after the change.
  simdjson::error_code walk_envelope(od::object object, const char* end, bool& removed) {
    bool seen = false;
    bool there = false;
    envelope.rewind();
    for (auto member : object) {
      od::field field;
      if (auto e = std::move(member).get(field)) return e;
      const char* raw = field.key().raw();
      if (name_is(raw, "after")) {
        seen = true;
        if (auto e = walk_inner(field.value(), row, end, there)) return e;
        removed = !there;
      } else if (name_is(raw, "before")) {
        if (before.empty()) continue;
        if (auto e = walk_inner(field.value(), before, end, there)) return e;
      } else if (name_is(raw, "source")) {
        if (auto e = walk_inner(field.value(), source, end, there)) return e;
      } else if (auto e = take_member(envelope, field, end)) {
        return e;
      }
    }
    return seen ? simdjson::SUCCESS : simdjson::NO_SUCH_FIELD;
  }

  simdjson::error_code read_value(std::string_view value, bool& removed) {
    od::document document;
    od::object object;
    if (auto e = value_parser.start(value, document)) return e;
    if (auto e = document.get_object().get(object)) return e;
    if (auto e = table.shape == Shape::envelope ? walk_envelope(object, value_parser.end, removed)
                                                : walk(object, row, value_parser.end)) {
      return e;
    }
    // Something follows the object.
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
  }

  // A value may leave out what its key says; what it says itself stays.
  simdjson::error_code fill_from_key(std::string_view json) {
    said.clear();
    for (const size_t c : key_cells) said.push_back(cells[c]);
    od::document document;
    od::object object;
    if (auto e = key_parser.start(json, document)) return e;
    if (auto e = document.get_object().get(object)) return e;
    if (auto e = walk(object, key, key_parser.end)) return e;
    for (size_t i = 0; i < said.size(); ++i) {
      if (!said[i].null) cells[key_cells[i]] = said[i];
    }
    return simdjson::SUCCESS;
  }

  void set_place(const Position& at, bool removed) {
    const auto number = [](int64_t n) { return [n](std::string& out) { out += std::to_string(n); }; };
    for (const size_t c : partition_cells) make_text(c, number(at.partition));
    for (const size_t c : offset_cells) make_text(c, number(at.offset));
    for (const size_t c : timestamp_cells) set_time(c, at.timestamp);
    for (const size_t c : mark_cells) {
      if (column(c).type == "boolean") {
        cells[c] = {removed ? "true" : "false", false, true};
      } else if (removed) {
        // A time there must be, or the row would not count as removed.
        set_time(c, std::max<int64_t>(at.timestamp, 1));
      }
    }
  }

  bool key_is_whole() const {
    return std::none_of(key_cells.begin(), key_cells.end(), [&](size_t c) { return cells[c].null; });
  }

  // Empty: nothing is wrong.
  std::string problem_of(bool removed) {
    if (nul != nullptr) return nul->name + " holds a NUL character, which PostgreSQL can't store";
    for (const size_t c : removed ? key_cells : required) {
      if (!cells[c].null || (removed && !column(c).required)) continue;
      if (table.json_key) return column(c).name + " is missing";
      // Ledgers say nothing rather than fail: an empty text, a zero.
      cells[c] = {column(c).type == "text" ? "" : "0", false, true};
    }
    return "";
  }
};

Decoder::Impl::Impl(const Table& t) : table(t), cells(t.columns.size() + t.aside.size()) {
  size_t made = 0;
  for (size_t c = 0; c < cells.size(); ++c) {
    const Column& from = column(c);
    const Wanted wanted{from.field, c, from.type == "jsonb" || from.type == "json", from.millis};
    if (from.required) required.push_back(c);
    if (from.millis) ++made;
    switch (from.origin) {
      case Origin::row:
        row.add(wanted);
        break;
      case Origin::before:
        before.add(wanted);
        break;
      case Origin::source:
        source.add(wanted);
        break;
      case Origin::envelope:
        envelope.add(wanted);
        break;
      case Origin::removal:
        mark_cells.push_back(c), ++made;
        break;
      case Origin::kafka:
        ++made;
        (from.field == "offset"      ? offset_cells
         : from.field == "partition" ? partition_cells
                                     : timestamp_cells)
            .push_back(c);
        break;
    }
  }
  for (const int k : table.key) {
    const auto c = static_cast<size_t>(k);
    key_cells.push_back(c);
    key.add({table.columns[c].field, c, false, table.columns[c].millis});
    if (table.columns[c].millis) ++made;
  }
  texts.reserve((made + 1) * kTextSize * 2);
}

Decoder::Decoder(const Table& table) : impl_(std::make_unique<Impl>(table)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

std::span<const Cell> Decoder::cells() const { return impl_->cells; }

bool Decoder::wants_position() const {
  return !impl_->partition_cells.empty() || !impl_->offset_cells.empty() || !impl_->timestamp_cells.empty() ||
         !impl_->mark_cells.empty();
}

Decoded Decoder::decode(std::string_view key, std::string_view value, const Position& at) {
  Impl& my = *impl_;
  const Table& table = my.table;
  std::fill(my.cells.begin(), my.cells.end(), Cell());
  my.texts.clear();
  my.nul = nullptr;
  Decoded out;
  if (table.json_key && key.data() == nullptr) {
    out.problem = "the record has no key";
    return out;
  }
  bool removed = value.data() == nullptr;
  if (!removed) {
    if (const auto error = my.read_value(value, removed)) {
      out.problem = std::string("value: ") + simdjson::error_message(error);
      return out;
    }
  } else if (table.revision >= 0) {
    my.cells[static_cast<size_t>(table.revision)] = {kHighestRev, false, true};
  }
  if (removed && !table.json_key) {
    out.problem = "a tombstone, but rows of this table are never deleted";
    return out;
  }
  if (removed || (table.foreign && !my.key_is_whole())) {
    if (const auto error = my.fill_from_key(key)) {
      out.problem = std::string("key: ") + simdjson::error_message(error);
      return out;
    }
  }
  my.set_place(at, removed);
  out.problem = my.problem_of(removed);
  if (out.problem.empty()) out.kind = removed ? Kind::remove : Kind::upsert;
  return out;
}

}  // namespace sujip::sink
