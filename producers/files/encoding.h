#pragma once
// Bytes of a file -> UTF-8, block by block. Bad bytes are found, never replaced.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sujip::feeds {

enum class Charset : uint8_t { utf8, cp949, utf16le, utf16be, utf32 };
std::string_view name_of(Charset charset);

// What a connector declares. `automatic`: byte order mark, else strict UTF-8 over the whole file, else
// CP949.
enum class Encoding : uint8_t { utf8, cp949, utf16le, utf16be, automatic };

// "utf-8", "cp949", "euc-kr" (which in practice is CP949), "utf-16le", "utf-16be", "auto".
std::optional<Encoding> parse_encoding(std::string_view name);
inline constexpr std::string_view kEncodingNames = "utf-8, cp949, euc-kr, utf-16le, utf-16be, auto";

struct ByteOrderMark {
  Charset charset;
  size_t bytes;
};
// Of the first four bytes of a file. UTF-32 is recognized so that it can be refused by name.
std::optional<ByteOrderMark> find_byte_order_mark(std::string_view head);

// Length of the longest prefix of whole, valid UTF-8 characters (RFC 3629: no surrogates, no overlong
// forms, at most U+10FFFF). `cut` is set when what follows is the beginning of a valid character.
size_t valid_utf8_prefix(std::string_view text, bool* cut = nullptr);

// Decodes a stream in blocks of any size: the result doesn't depend on where they are cut.
class Decoder {
 public:
  explicit Decoder(Charset charset);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Appends the text of `bytes` to `out`. A character cut by the end of the block waits for the next
  // one; with `last` it is an error. False at a bad byte: `out` then ends right before it and
  // problem() says what it was.
  bool decode(std::string_view bytes, bool last, std::string& out);

  // "byte 0xC7 is not UTF-8"
  const std::string& problem() const { return problem_; }

 private:
  bool decode_utf8(std::string_view bytes, bool last, std::string& out);
  bool convert(std::string_view bytes, bool last, std::string& out);
  bool fail(std::string_view rest, bool truncated);

  struct Converter;
  std::unique_ptr<Converter> converter_;
  Charset charset_;
  std::string pending_;  // the beginning of a character
  std::string problem_;
};

// Composes conjoining Hangul jamo (as macOS writes file names) into syllables; other text is kept.
std::string compose_hangul(std::string_view text);

}  // namespace sujip::feeds
