#pragma once
// The board's content as JSON, for programs: /api/board.json.

#include <string>

#include "monitoring/board_data.h"

namespace sujip::board {

std::string board_json(const monitoring::BoardData& data, bool stale);

}  // namespace sujip::board
