#include "sinks/postgres/price_history.h"

#include <utility>

namespace sujip::sink {
namespace {

Column before(std::string name, std::string field) {
  Column column;
  column.name = std::move(name);
  column.field = std::move(field);
  column.type = "text";
  column.origin = Origin::before;
  return column;
}

bool same(const Cell& a, const Cell& b) { return a.null == b.null && (a.null || a.text == b.text); }

// Where a column of the history stands among the cells of a change.
int cell_of(const Table& product, const std::string& column) {
  for (size_t i = 0; i < product.aside.size(); ++i) {
    if (product.aside[i].name == column) return static_cast<int>(product.columns.size() + i);
  }
  return product.column_index(column == "snapshot_at" ? "updated_at" : column);
}

}  // namespace

Table with_prices_before(Table product) {
  product.aside = {before("price_before", "price"), before("price_text_before", "price_text")};
  return product;
}

PriceHistory::PriceHistory(const Table& product, const Table& history) : cells_(history.columns.size()) {
  const auto at = [&](const char* name) { return static_cast<size_t>(history.column_index(name)); };
  price_before_ = at("price_before");
  price_ = at("price");
  text_before_ = at("price_text_before");
  text_ = at("price_text");
  rev_ = at("rev");
  snapshot_ = at("snapshot_at");
  for (const Column& column : history.columns) from_.push_back(cell_of(product, column.name));
}

void PriceHistory::add(std::span<const Cell> change, RowOrigin origin, Rows& out) {
  for (size_t c = 0; c < from_.size(); ++c) {
    cells_[c] = from_[c] < 0 ? Cell() : change[static_cast<size_t>(from_[c])];
  }
  if (same(cells_[price_before_], cells_[price_]) && same(cells_[text_before_], cells_[text_])) return;
  if (cells_[rev_].null || cells_[snapshot_].null) return;
  out.add(cells_, origin);
}

}  // namespace sujip::sink
