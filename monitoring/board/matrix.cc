#include "monitoring/board/matrix.h"

#include <algorithm>
#include <set>
#include <utility>

#include "monitoring/state.h"

namespace sujip::board {

using monitoring::state_of;

bool is_problem(std::string_view state) { return state_of(state).severity >= state_of("partial").severity; }

Matrix arrange(const monitoring::BoardData& data, std::string_view source, std::string_view before) {
  Matrix matrix;
  std::set<std::string_view> all;
  for (const auto& s : data.slices)
    if (s.source == source) all.insert(s.column);
  std::vector<std::string_view> older(all.begin(), all.end());
  if (!before.empty()) older.erase(std::lower_bound(older.begin(), older.end(), before), older.end());
  matrix.has_newer = older.size() < all.size();
  matrix.has_older = older.size() > kColumns;
  if (matrix.has_older) older.erase(older.begin(), older.end() - static_cast<std::ptrdiff_t>(kColumns));
  std::map<std::string_view, size_t> position;
  for (const std::string_view column : older) {
    position[column] = matrix.columns.size();
    matrix.columns.emplace_back(column);
  }
  std::map<std::pair<std::string, std::string>, MatrixRow> rows;
  for (const auto& s : data.slices) {
    if (s.source != source) continue;
    const std::string section = s.kind == "snapshot" ? s.slice : "";
    MatrixRow& row = rows[{s.account, section}];
    row.account = s.account;
    row.section = section;
    row.cells.resize(matrix.columns.size());
    row.has_problem = row.has_problem || is_problem(s.state);
    const auto at = position.find(s.column);
    if (at == position.end()) continue;
    Cell& cell = row.cells[at->second];
    cell.slices.push_back(&s);
    if (cell.state.empty() || state_of(s.state).severity > state_of(cell.state).severity) cell.state = s.state;
  }
  for (auto& [key, row] : rows) matrix.rows.push_back(std::move(row));
  std::stable_sort(matrix.rows.begin(), matrix.rows.end(),
                   [](const auto& a, const auto& b) { return a.has_problem > b.has_problem; });
  return matrix;
}

}  // namespace sujip::board
