#include "sinks/postgres/price_history.h"

#include <array>
#include <memory>

#include <simdjson.h>

#include "core/calendar.h"

namespace sujip::sink {
namespace {

namespace od = simdjson::ondemand;

// Columns of price_history_table(), in its order.
enum At : size_t {
  kSource, kAccount, kSection, kCode, kSnapshot, kPriceBefore, kPrice, kTextBefore, kText, kRun, kRev,
  kColumns
};

std::string_view without_spaces(std::string_view token) {
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  return token;
}

simdjson::error_code scalar(od::value value, Cell& cell) {
  od::json_type type;
  if (auto e = value.type().get(type)) return e;
  if (type == od::json_type::null) {
    cell = {};
  } else if (type == od::json_type::string) {
    cell.null = false;
    return value.get_string().get(cell.text);
  } else if (type == od::json_type::number) {
    cell = {without_spaces(value.raw_json_token()), false};
  }
  return simdjson::SUCCESS;
}

struct Name {
  std::string_view member;
  At column;
};

constexpr Name kBefore[] = {{"price", kPriceBefore}, {"price_text", kTextBefore}};
constexpr Name kAfter[] = {{"source", kSource},        {"account", kAccount}, {"section", kSection},
                           {"product_code", kCode},    {"price", kPrice},     {"price_text", kText}};
constexpr Name kOrigin[] = {{"run", kRun}, {"rev", kRev}};

bool same(const Cell& a, const Cell& b) { return a.null == b.null && (a.null || a.text == b.text); }

}  // namespace

struct PriceHistory::Reader {
  od::parser parser;
  std::string buffer;
  std::string time;
  std::vector<Cell> cells;

  template <size_t N>
  simdjson::error_code members(od::value value, const Name (&names)[N], bool& null) {
    od::json_type type;
    if (auto e = value.type().get(type)) return e;
    null = type == od::json_type::null;
    if (null) return simdjson::SUCCESS;
    od::object object;
    if (auto e = value.get_object().get(object)) return e;
    for (auto member : object) {
      od::field field;
      if (auto e = std::move(member).get(field)) return e;
      std::string_view name;
      if (auto e = field.unescaped_key().get(name)) return e;
      for (const Name& wanted : names) {
        if (wanted.member != name) continue;
        if (auto e = scalar(field.value(), cells[wanted.column])) return e;
        break;
      }
    }
    return simdjson::SUCCESS;
  }

  // True when `cells` holds a row to add.
  bool read(std::string_view value) {
    cells.assign(kColumns, {});
    buffer.assign(value);
    buffer.append(simdjson::SIMDJSON_PADDING, '\0');
    od::document document;
    od::object object;
    if (parser.iterate(buffer.data(), value.size(), buffer.size()).get(document) ||
        document.get_object().get(object)) {
      return false;
    }
    bool removed = true;
    bool ignored = false;
    for (auto member : object) {
      od::field field;
      std::string_view name;
      if (std::move(member).get(field) || field.unescaped_key().get(name)) return false;
      if (name == "before") {
        if (members(field.value(), kBefore, ignored)) return false;
      } else if (name == "after") {
        if (members(field.value(), kAfter, removed)) return false;
      } else if (name == "source") {
        if (members(field.value(), kOrigin, ignored)) return false;
      } else if (name == "ts_ms") {
        int64_t ms = 0;
        if (field.value().get_int64().get(ms)) return false;
        time.clear();
        append_utc(time, ms);
        cells[kSnapshot] = {time, false};
      }
    }
    return !removed && !(same(cells[kPriceBefore], cells[kPrice]) &&
                         same(cells[kTextBefore], cells[kText]));
  }
};

PriceHistory::PriceHistory() : reader_(std::make_unique<Reader>()) {}
PriceHistory::~PriceHistory() = default;

void PriceHistory::add(std::string_view value, RowOrigin origin, Rows& out) {
  if (value.data() == nullptr || !reader_->read(value)) return;
  for (const At column : {kSource, kAccount, kSection, kCode}) {
    // A catalogue without sections or accounts has one unnamed.
    if (reader_->cells[column].null) reader_->cells[column] = {"", false};
  }
  if (reader_->cells[kRev].null || reader_->cells[kSnapshot].null) return;
  out.add(reader_->cells, origin);
}

}  // namespace sujip::sink
