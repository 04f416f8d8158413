#pragma once
// Every text of the board, in Korean and English: one catalogue, looked up by id.

#include <span>
#include <string>
#include <string_view>

namespace sujip::board {

enum class Language { ko, en };

struct Word {
  std::string_view id;
  std::string_view ko;
  std::string_view en;
};
std::span<const Word> words();

// The text of an id; the id itself when there is none.
std::string_view word(Language language, std::string_view id);
std::string_view code_of(Language language);  // "ko", "en"

// ?lang= wins over the cookie, the cookie over Accept-Language; Korean when nothing decides.
Language choose_language(std::string_view param, std::string_view cookie, std::string_view accept_language);

}  // namespace sujip::board
