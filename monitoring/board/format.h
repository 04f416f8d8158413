#pragma once
// Numbers, days and times as people read them, and text made safe for HTML.

#include <optional>
#include <string>
#include <string_view>

#include "core/calendar.h"
#include "monitoring/board/words.h"

namespace sujip::board {

std::string escape(std::string_view text);                           // & < > " '
std::string number(int64_t value);                                   // 1,234,567
std::string day_text(Language language, Day day);                    // 2026-11-19 (목)
std::string time_text(Language language, TimeMs at);                 // 2026-11-19 (목) 07:10
std::string time_text(Language language, std::optional<TimeMs> at);  // "–" when there is none
std::string clock_text(TimeMs at);                                   // 07:10
std::string duration_text(int64_t ms);                               // 350 ms, 2.4 s, 3 min 05 s
// The text as one argument of a shell.
std::string shell_quote(std::string_view text);

}  // namespace sujip::board
