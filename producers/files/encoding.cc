#include "producers/files/encoding.h"

#include <fmt/format.h>
#include <iconv.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace sujip::feeds {
namespace {

const char* iconv_name(Charset charset) {
  switch (charset) {
    case Charset::cp949:
      return "CP949";
    case Charset::utf16le:
      return "UTF-16LE";
    case Charset::utf16be:
      return "UTF-16BE";
    case Charset::utf32:
    case Charset::utf8:
      break;
  }
  return nullptr;
}

unsigned byte_at(std::string_view text, size_t i) { return static_cast<unsigned char>(text[i]); }

// Length of the character that starts at `at`; 0 when it is bad, -1 when the text ends inside of it.
int character_length(std::string_view text, size_t at) {
  const unsigned lead = byte_at(text, at);
  if (lead < 0x80) return 1;
  int length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;  // allowed range of the second byte
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  for (int i = 1; i < length; ++i) {
    if (at + static_cast<size_t>(i) >= text.size()) return -1;
    const unsigned c = byte_at(text, at + static_cast<size_t>(i));
    if (c < low || c > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

}  // namespace

std::string_view name_of(Charset charset) {
  switch (charset) {
    case Charset::utf8:
      return "UTF-8";
    case Charset::cp949:
      return "CP949";
    case Charset::utf16le:
      return "UTF-16LE";
    case Charset::utf16be:
      return "UTF-16BE";
    case Charset::utf32:
      return "UTF-32";
  }
  return "?";
}

std::optional<Encoding> parse_encoding(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (plain == "utf8") return Encoding::utf8;
  if (plain == "cp949" || plain == "euckr" || plain == "uhc" || plain == "ksc56011987") {
    return Encoding::cp949;
  }
  if (plain == "utf16le") return Encoding::utf16le;
  if (plain == "utf16be") return Encoding::utf16be;
  if (plain == "auto") return Encoding::automatic;
  return std::nullopt;
}

std::optional<ByteOrderMark> find_byte_order_mark(std::string_view head) {
  using namespace std::string_view_literals;
  if (head.starts_with("\xEF\xBB\xBF"sv)) return ByteOrderMark{Charset::utf8, 3};
  if (head.starts_with("\xFF\xFE\0\0"sv)) return ByteOrderMark{Charset::utf32, 4};
  if (head.starts_with("\0\0\xFE\xFF"sv)) return ByteOrderMark{Charset::utf32, 4};
  if (head.starts_with("\xFF\xFE"sv)) return ByteOrderMark{Charset::utf16le, 2};
  if (head.starts_with("\xFE\xFF"sv)) return ByteOrderMark{Charset::utf16be, 2};
  return std::nullopt;
}

size_t valid_utf8_prefix(std::string_view text, bool* cut) {
  if (cut != nullptr) *cut = false;
  if (simdjson::validate_utf8(text.data(), text.size())) return text.size();
  // Something is wrong, or a character is cut at the end: find the place. Whole pieces are skipped
  // fast; a piece that fails is walked character by character.
  constexpr size_t kPiece = 4096;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = std::min(at + kPiece, text.size());
    while (end > at + kPiece / 2 && end < text.size() && (byte_at(text, end) & 0xC0) == 0x80) --end;
    if (simdjson::validate_utf8(text.data() + at, end - at)) {
      at = end;
      continue;
    }
    while (at < end) {
      const int length = character_length(text, at);
      if (length <= 0) {
        if (cut != nullptr) *cut = length < 0;
        return at;
      }
      at += static_cast<size_t>(length);
    }
  }
  return text.size();
}

struct Decoder::Converter {
  iconv_t handle;
  explicit Converter(const char* from) : handle(iconv_open("UTF-8", from)) {
    // The tables come with the C library; a system without them is a broken installation.
    // NOLINTNEXTLINE: iconv_t is an integer in disguise
    if (handle == reinterpret_cast<iconv_t>(-1)) {
      throw std::runtime_error(fmt::format("iconv can't read {} on this system", from));
    }
  }
  ~Converter() { iconv_close(handle); }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
};

Decoder::Decoder(Charset charset) : charset_(charset) {
  if (const char* name = iconv_name(charset)) converter_ = std::make_unique<Converter>(name);
}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

bool Decoder::decode(std::string_view bytes, bool last, std::string& out) {
  if (charset_ == Charset::utf32) {
    problem_ = "the file is UTF-32";
    return false;
  }
  if (pending_.empty()) {
    return converter_ ? convert(bytes, last, out) : decode_utf8(bytes, last, out);
  }
  // Complete the character the last block ended in, byte by byte; then the rest at once.
  size_t used = 0;
  while (!pending_.empty() && used < bytes.size()) {
    const std::string head = std::exchange(pending_, {}) + bytes[used];
    ++used;
    const bool end = last && used == bytes.size();
    if (!(converter_ ? convert(head, end, out) : decode_utf8(head, end, out))) return false;
  }
  if (used == bytes.size()) return !last || pending_.empty() || fail(pending_, true);
  bytes.remove_prefix(used);
  return converter_ ? convert(bytes, last, out) : decode_utf8(bytes, last, out);
}

bool Decoder::decode_utf8(std::string_view bytes, bool last, std::string& out) {
  bool cut = false;
  const size_t good = valid_utf8_prefix(bytes, &cut);
  out.append(bytes, 0, good);
  if (good == bytes.size()) return true;
  const std::string_view rest = bytes.substr(good);
  if (!cut || last) return fail(rest, cut);
  pending_ = rest;
  return true;
}

bool Decoder::convert(std::string_view bytes, bool last, std::string& out) {
  // iconv's interface takes a non-const pointer but doesn't write there.
  char* in = const_cast<char*>(bytes.data());
  size_t in_left = bytes.size();
  std::array<char, 16384> block;
  while (in_left > 0) {
    char* to = block.data();
    size_t to_left = block.size();
    const size_t done = iconv(converter_->handle, &in, &in_left, &to, &to_left);
    const int why = errno;
    out.append(block.data(), block.size() - to_left);
    if (done != static_cast<size_t>(-1) || why == E2BIG) continue;
    const std::string_view rest(in, in_left);
    if (why == EINVAL && !last) {
      pending_ = rest;
      return true;
    }
    return fail(rest, why == EINVAL);
  }
  return true;
}

bool Decoder::fail(std::string_view rest, bool truncated) {
  if (truncated) {
    problem_ = fmt::format("the file ends inside a {} character", name_of(charset_));
  } else {
    problem_ = fmt::format("byte 0x{:02X} is not {}", byte_at(rest, 0), name_of(charset_));
  }
  return false;
}

std::string compose_hangul(std::string_view text) {
  // U+1100.. leading, U+1161.. vowel, U+11A8.. trailing jamo: all three bytes in UTF-8.
  const auto code = [&](size_t at) -> unsigned {
    if (at + 3 > text.size() || byte_at(text, at) != 0xE1) return 0;
    return (0x1u << 12) | ((byte_at(text, at + 1) & 0x3Fu) << 6) | (byte_at(text, at + 2) & 0x3Fu);
  };
  std::string out;
  out.reserve(text.size());
  size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = code(i);
    const unsigned vowel = lead >= 0x1100 && lead <= 0x1112 ? code(i + 3) : 0;
    if (vowel < 0x1161 || vowel > 0x1175) {
      out += text[i++];
      continue;
    }
    unsigned syllable = 0xAC00 + ((lead - 0x1100) * 21 + (vowel - 0x1161)) * 28;
    i += 6;
    const unsigned tail = code(i);
    if (tail >= 0x11A8 && tail <= 0x11C2) {
      syllable += tail - 0x11A7;
      i += 3;
    }
    out += static_cast<char>(0xE0 | (syllable >> 12));
    out += static_cast<char>(0x80 | ((syllable >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (syllable & 0x3F));
  }
  return out;
}

}  // namespace sujip::feeds
