#pragma once
// The pages of the board as HTML. Pure: the same data give the same bytes.

#include <string>

#include "monitoring/board/words.h"
#include "monitoring/board_data.h"

namespace sujip::board {

struct View {
  Language language = Language::ko;
  std::string source;  // only this one; empty: all
  std::string before;  // matrix columns older than this
  bool only_problems = false;
  bool stale = false;  // the database could not be read since
};

// "13:10 기준 - 3개 출처 중 2개 수집 완료, 1개 확인 필요: danawa (승인 대기 3)"
std::string verdict(const monitoring::BoardData& data, Language language);

std::string board_page(const monitoring::BoardData& data, const View& view);
// What changes while somebody watches: the inside of <main>.
std::string board_main(const monitoring::BoardData& data, const View& view);
std::string message_page(const View& view, std::string_view word_id);

// `slices`: the slices the cell stands for.
std::string cell_page(const monitoring::SliceLog& log, const std::vector<const monitoring::Slice*>& slices,
                      const View& view, const std::string& title, bool panel_only);

// The parts of cell_page.
std::string slice_log_html(const monitoring::SliceLog& log, const std::vector<const monitoring::Slice*>& slices,
                           Language language);
std::string state_html(std::string_view state, Language language);
std::string document(const View& view, const std::string& title, const std::string& body);

}  // namespace sujip::board
