#pragma once
// Slices of one source arranged as a table: a row per account (or section), a column per date (or
// snapshot), newest right.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/board_data.h"

namespace sujip::board {

struct Cell {
  std::string_view state;  // the worst of its slices; empty: no slice
  std::vector<const monitoring::Slice*> slices;
};

struct MatrixRow {
  std::string account;
  std::string section;       // only of snapshot sources
  std::vector<Cell> cells;   // as many as columns
  bool has_problem = false;  // in any column, shown or not
};

struct Matrix {
  std::vector<std::string> columns;  // texts of Slice::column, oldest first
  std::vector<MatrixRow> rows;       // with problems first, then by name
  bool has_older = false;
  bool has_newer = false;
};

inline constexpr size_t kColumns = 35;

// The newest kColumns columns; with `before` only those older than it.
Matrix arrange(const monitoring::BoardData& data, std::string_view source, std::string_view before);

// A problem a person may have to act on, or an unfinished slice that is already late.
bool is_problem(std::string_view state);

}  // namespace sujip::board
