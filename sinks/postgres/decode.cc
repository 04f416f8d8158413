#include "sinks/postgres/decode.h"

#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <limits>

#include "core/calendar.h"

namespace sujip::sink {
namespace {

namespace od = simdjson::ondemand;

constexpr std::string_view kHighestRev = "9223372036854775807";
constexpr size_t kTimeSize = 24;  // "2011-01-05T08:26:00.000Z"

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                           text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

// A parser with its padded copy of the document: simdjson reads past the end.
struct Decoder::Parser {
  od::parser parser;
  std::string buffer;

  simdjson::error_code start(std::string_view json, od::document& document) {
    if (buffer.size() < json.size() + simdjson::SIMDJSON_PADDING) {
      buffer.resize((json.size() + simdjson::SIMDJSON_PADDING) * 2);
    }
    std::memcpy(buffer.data(), json.data(), json.size());
    std::memset(buffer.data() + json.size(), 0, simdjson::SIMDJSON_PADDING);
    return parser.iterate(buffer.data(), json.size(), buffer.size()).get(document);
  }
};

// One pass over an object whose members go into columns of one origin.
struct Walk {
  Decoder& decoder;
  const std::vector<int>& columns;
  size_t next = 0;  // members usually come in the order of the columns

  int column_of(std::string_view name) {
    const size_t n = columns.size();
    for (size_t i = 0; i < n; ++i) {
      const size_t at = next + i < n ? next + i : next + i - n;
      const int column = columns[at];
      if (decoder.table_->columns[static_cast<size_t>(column)].field == name) {
        next = at + 1;
        return column;
      }
    }
    return -1;
  }

  simdjson::error_code take(int column, od::value value) {
    const Column& declared = decoder.table_->columns[static_cast<size_t>(column)];
    Cell& cell = decoder.cells_[static_cast<size_t>(column)];
    od::json_type type;
    if (auto e = value.type().get(type)) return e;
    const bool json = declared.type == "jsonb";
    switch (type) {
      case od::json_type::null: {
        bool null = false;
        if (auto e = value.is_null().get(null)) return e;
        if (!null) return simdjson::N_ATOM_ERROR;
        cell = {};
        return simdjson::SUCCESS;
      }
      case od::json_type::string: {
        if (json) {
          // The token with its quotes and escapes is JSON already.
          cell = {trimmed(value.raw_json_token()), false};
          std::string_view checked;
          return value.get_string().get(checked);
        }
        std::string_view text;
        if (auto e = value.get_string().get(text)) return e;
        cell = {text, false};
        return simdjson::SUCCESS;
      }
      case od::json_type::number: {
        if (declared.millis) {
          int64_t ms = 0;
          if (auto e = value.get_int64().get(ms)) return e;
          decoder.set_millis(static_cast<size_t>(column), ms);
          return simdjson::SUCCESS;
        }
        // The digits as they stand: never through a double.
        cell = {trimmed(value.raw_json_token()), false};
        return simdjson::SUCCESS;
      }
      case od::json_type::boolean: {
        bool flag = false;
        if (auto e = value.get_bool().get(flag)) return e;
        cell = {flag ? "true" : "false", false};
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

  simdjson::error_code object(od::object object) {
    for (auto member : object) {
      od::field field;
      if (auto e = std::move(member).get(field)) return e;
      std::string_view name;
      if (auto e = field.unescaped_key().get(name)) return e;
      const int column = column_of(name);
      if (column < 0) continue;
      if (auto e = take(column, field.value())) return e;
    }
    return simdjson::SUCCESS;
  }

  // The envelope: `before` is skipped, `after` and `source` are walked. `removed`: there is no row
  // after the change.
  simdjson::error_code envelope(od::object object, bool& removed) {
    bool seen = false;
    for (auto member : object) {
      od::field field;
      if (auto e = std::move(member).get(field)) return e;
      std::string_view name;
      if (auto e = field.unescaped_key().get(name)) return e;
      if (name == "after" || name == "source") {
        od::value value = field.value();
        od::json_type type;
        if (auto e = value.type().get(type)) return e;
        if (name == "after") {
          seen = true;
          if (type == od::json_type::null) {
            removed = true;
            continue;
          }
        }
        od::object inner;
        if (auto e = value.get_object().get(inner)) return e;
        Walk walk{decoder, name == "after" ? decoder.from_row_ : decoder.from_source_};
        if (auto e = walk.object(inner)) return e;
      } else if (const int column = column_of(name); column >= 0) {
        if (auto e = take(column, field.value())) return e;
      }
    }
    return seen ? simdjson::SUCCESS : simdjson::NO_SUCH_FIELD;
  }
};

Decoder::Decoder(const Table& table)
    : table_(&table),
      cells_(table.columns.size()),
      value_parser_(std::make_unique<Parser>()),
      key_parser_(std::make_unique<Parser>()) {
  size_t times = 0;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const int column = static_cast<int>(i);
    switch (table.columns[i].origin) {
      case Origin::row: from_row_.push_back(column); break;
      case Origin::source: from_source_.push_back(column); break;
      case Origin::envelope: from_envelope_.push_back(column); break;
    }
    if (table.columns[i].millis) ++times;
  }
  from_key_.assign(table.key.begin(), table.key.end());
  times_.reserve(times * kTimeSize * 2);  // cells point into it: it must not move
}

Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

void Decoder::set_millis(size_t column, int64_t ms) {
  if (ms <= 0) {
    cells_[column] = {};
    return;
  }
  if (times_.size() + kTimeSize > times_.capacity()) return;  // a member twice: the first counts
  const size_t at = times_.size();
  append_utc(times_, ms);
  cells_[column] = {std::string_view(times_).substr(at), false};
}

bool Decoder::decode_key(std::string_view key, std::string& problem) {
  od::document document;
  od::object object;
  auto error = key_parser_->start(key, document);
  if (!error) error = document.get_object().get(object);
  if (!error) error = Walk{*this, from_key_}.object(object);
  if (error) problem = std::string("key: ") + simdjson::error_message(error);
  return !error;
}

Decoded Decoder::decode(std::string_view key, std::string_view value) {
  Decoded out;
  for (Cell& cell : cells_) cell = {};
  times_.clear();
  bool removed = value.data() == nullptr;
  if (!removed) {
    od::document document;
    od::object object;
    auto error = value_parser_->start(value, document);
    if (!error) error = document.get_object().get(object);
    if (!error) {
      error = table_->shape == Shape::envelope ? Walk{*this, from_envelope_}.envelope(object, removed)
                                               : Walk{*this, from_row_}.object(object);
    }
    if (!error && document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      error = simdjson::TAPE_ERROR;  // something follows the object
    }
    if (error) {
      out.problem = std::string("value: ") + simdjson::error_message(error);
      return out;
    }
  } else if (const int rev = table_->column_index("rev"); rev >= 0) {
    cells_[static_cast<size_t>(rev)] = {kHighestRev, false};
  }
  if (removed) {
    if (!table_->json_key) {
      out.problem = "a tombstone, but rows of this table are never deleted";
      return out;
    }
    if (!decode_key(key, out.problem)) return out;
  }
  for (size_t i = 0; i < cells_.size(); ++i) {
    const Cell& cell = cells_[i];
    const Column& column = table_->columns[i];
    if (cell.null) {
      if (!column.required || (removed && !table_->is_key(static_cast<int>(i)))) continue;
      if (!table_->json_key) {
        // Ledgers say nothing rather than fail: an empty text, a zero.
        cells_[i] = {column.type == "text" ? "" : "0", false};
        continue;
      }
      out.problem = column.name + " is missing";
      return out;
    }
    if (!cell.text.empty() && std::memchr(cell.text.data(), '\0', cell.text.size()) != nullptr) {
      out.problem = column.name + " holds a NUL character, which PostgreSQL can't store";
      return out;
    }
  }
  out.kind = removed ? Kind::remove : Kind::upsert;
  return out;
}

}  // namespace sujip::sink
