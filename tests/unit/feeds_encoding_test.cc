// Encodings: marks, strict UTF-8 and its places, CP949 beyond EUC-KR, UTF-16, in blocks of any size.

#include <gtest/gtest.h>
#include <iconv.h>
#include <rapidcheck.h>

#include <algorithm>

#include <string>
#include <vector>

#include "producers/files/encoding.h"

namespace sujip::feeds {
namespace {

struct Decoded {
  std::string text;
  std::string problem;
};

Decoded decode(Charset charset, std::string_view bytes, size_t piece) {
  Decoder decoder(charset);
  Decoded out;
  do {
    const size_t size = std::min(piece, bytes.size());
    const std::string block(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (!decoder.decode(block, bytes.empty(), out.text)) {
      out.problem = decoder.problem();
      break;
    }
  } while (!bytes.empty());
  return out;
}

TEST(Encoding, NamesAndWhatTheyMean) {
  EXPECT_EQ(parse_encoding("UTF-8"), Encoding::utf8);
  EXPECT_EQ(parse_encoding("euc-kr"), Encoding::cp949);  // on labels it means CP949
  EXPECT_EQ(parse_encoding("EUC_KR"), Encoding::cp949);
  EXPECT_EQ(parse_encoding("auto"), Encoding::automatic);
  EXPECT_FALSE(parse_encoding("latin-9"));
}

TEST(Encoding, FindsMarks) {
  EXPECT_EQ(find_byte_order_mark("\xEF\xBB\xBFid")->charset, Charset::utf8);
  EXPECT_EQ(find_byte_order_mark(std::string_view("\xFF\xFEi\0", 4))->charset, Charset::utf16le);
  EXPECT_EQ(find_byte_order_mark("\xFE\xFF")->charset, Charset::utf16be);
  EXPECT_EQ(find_byte_order_mark(std::string_view("\xFF\xFE\0\0", 4))->charset, Charset::utf32);
  EXPECT_FALSE(find_byte_order_mark("id,name"));
  EXPECT_FALSE(find_byte_order_mark(""));
}

TEST(Encoding, Cp949HoldsSyllablesOutsideOfEucKr) {
  // 젠트레이드 is in both; 뷁, 똠 and 펲 are in CP949 only.
  const std::string bytes = "\xC1\xA8\xC6\xAE\xB7\xB9\xC0\xCC\xB5\xE5,\x94\xEE,\x8C\x63,\xBB\xE7\n";
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{64}}) {
    const Decoded out = decode(Charset::cp949, bytes, piece);
    EXPECT_EQ(out.problem, "");
    EXPECT_EQ(out.text, "젠트레이드,뷁,똠,사\n");
  }
}

TEST(Encoding, BadBytesAreNamedAndWhatIsBeforeIsKept) {
  for (const size_t piece : {size_t{1}, size_t{4}, size_t{64}}) {
    const Decoded utf8 = decode(Charset::utf8, "가나\xC7x", piece);
    EXPECT_EQ(utf8.text, "가나");
    EXPECT_EQ(utf8.problem, "byte 0xC7 is not UTF-8");
    const Decoded cut = decode(Charset::utf8, "가\xEB\x82", piece);
    EXPECT_EQ(cut.text, "가");
    EXPECT_EQ(cut.problem, "the file ends inside a UTF-8 character");
    const Decoded cp949 = decode(Charset::cp949, "ab\x94\xEE\xFFz", piece);
    EXPECT_EQ(cp949.text, "ab뷁");
    EXPECT_EQ(cp949.problem, "byte 0xFF is not CP949");
  }
}

TEST(Encoding, Utf8IsStrict) {
  for (const char* bad :
       {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x80\x80", "\xFF", "\x80", "\xF8\x88\x80\x80\x80"}) {
    EXPECT_EQ(valid_utf8_prefix(std::string("ok") + bad), 2u) << bad;
  }
  EXPECT_EQ(valid_utf8_prefix("\xF4\x8F\xBF\xBF"), 4u);
}

TEST(Encoding, FindsTheBadByteOfALargeText) {
  std::string text;
  while (text.size() < 100'000) text += "가격 1,204원\n";
  for (const size_t at : {size_t{0}, size_t{4095}, size_t{4096}, text.size() / 2, text.size()}) {
    size_t place = at;  // not inside of a character
    while (place < text.size() && (static_cast<unsigned char>(text[place]) & 0xC0) == 0x80) ++place;
    EXPECT_EQ(valid_utf8_prefix(text.substr(0, place) + "\xFE" + text.substr(place)), place);
  }
}

std::string by_iconv(const std::string& utf8, const char* charset) {
  std::string out(utf8.size() * 4 + 8, '\0');
  const iconv_t handle = iconv_open(charset, "UTF-8");
  std::string in = utf8;
  char* from = in.data();
  size_t from_left = in.size();
  char* to = out.data();
  size_t to_left = out.size();
  iconv(handle, &from, &from_left, &to, &to_left);
  iconv_close(handle);
  out.resize(out.size() - to_left);
  return from_left == 0 ? out : std::string();
}

TEST(Encoding, Cp949WordsOfTheFormatNotes) {
  EXPECT_EQ(by_iconv("뷁", "CP949"), "\x94\xEE");
  for (const std::string word : {"뷁", "똠얌", "펲시", "상품", "↑=↑", "^|^"}) {
    const std::string bytes = by_iconv(word, "CP949");
    ASSERT_FALSE(bytes.empty()) << word;
    EXPECT_EQ(decode(Charset::cp949, bytes, 1).text, word);
  }
}

TEST(EncodingProperty, TextDoesNotDependOnTheCuts) {
  rc::check("decoding in pieces", [] {
    const auto words = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("뷁", "똠", "펲", "a", ",", "\n", "가격", "원"));
    std::string text;
    for (const std::string& word : words) text += word;
    const auto piece = *rc::gen::inRange<size_t>(1, 7);
    RC_ASSERT(decode(Charset::utf8, text, piece).text == text);
    RC_ASSERT(decode(Charset::cp949, by_iconv(text, "CP949"), piece).text == text);
    RC_ASSERT(decode(Charset::utf16le, by_iconv(text, "UTF-16LE"), piece).text == text);
    RC_ASSERT(decode(Charset::utf16be, by_iconv(text, "UTF-16BE"), piece).text == text);
  });
}

TEST(EncodingProperty, Utf8PrefixAgreesWithIconv) {
  rc::check("prefix is valid, and one byte more is not", [] {
    const auto bytes = *rc::gen::container<std::string>(
        rc::gen::element('a', '\xEA', '\xB0', '\x80', '\xED', '\xA0', '\xC2', '\xF0', '\x9F', '\xFF'));
    const size_t good = valid_utf8_prefix(bytes);
    const std::string prefix = bytes.substr(0, good);
    RC_ASSERT(by_iconv(prefix, "UTF-32LE").size() % 4 == 0);
    RC_ASSERT(good == 0 || !by_iconv(prefix, "UTF-32LE").empty());
    if (good < bytes.size()) RC_ASSERT(by_iconv(bytes, "UTF-32LE").empty());
  });
}

TEST(Encoding, ComposesJamo) {
  const std::string pieces = "\u1112\u1161\u11AB\u1100\u1173\u11AF-\u1100\u1161.csv";
  EXPECT_EQ(compose_hangul(pieces), "한글-가.csv");
  EXPECT_EQ(compose_hangul("한글 abc"), "한글 abc");
}

}  // namespace
}  // namespace sujip::feeds
