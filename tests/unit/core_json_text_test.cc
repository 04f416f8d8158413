#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <simdjson.h>

#include "core/json_cursor.h"
#include "core/json_scan.h"
#include "core/json_text.h"
#include "core/short_bytes.h"

namespace sujip {
namespace {

TEST(JsonText, WritesObjectsWithCommas) {
  std::string out = "{";
  append_json_field(out, "a", "x");
  append_json_field(out, "n", -5);
  append_json_name(out, "o");
  out += "{}}";
  EXPECT_EQ(out, R"({"a":"x","n":-5,"o":{}})");
}

TEST(JsonText, EscapesWhatJsonAsksFor) {
  std::string out;
  append_json_string(out, std::string_view("\"\\\n\r\t\b\f\x01\0/한", 13));
  EXPECT_EQ(out, R"("\"\\\n\r\t\b\f\u0001\u0000/한")");
}

// Exact sizes in memory of their own: the sanitizer sees a byte too many.
TEST(ShortBytes, AreCopiedAndComparedAtEverySize) {
  for (size_t size = 0; size <= 80; ++size) {
    std::vector<char> from(size);
    for (size_t i = 0; i < size; ++i) from[i] = static_cast<char>(3 * i + 1);
    std::vector<char> to(size);
    EXPECT_EQ(copy_short(to.data(), {from.data(), size}), to.data() + size);
    EXPECT_EQ(to, from);
    EXPECT_TRUE(equal_short(to.data(), from.data(), size));
    for (size_t i = 0; i < size; ++i) {
      to[i] = static_cast<char>(to[i] ^ 1);
      EXPECT_FALSE(equal_short(to.data(), from.data(), size)) << size << " bytes, differing in " << i;
      to[i] = from[i];
    }
  }
}

TEST(JsonCursor, FindsATextWhereverItStands) {
  EXPECT_TRUE(rc::check([] {
    const auto letter = rc::gen::element('a', 'b', ',');
    const auto text = *rc::gen::container<std::string>(letter);
    const auto wanted = *rc::gen::container<std::string>(*rc::gen::inRange<size_t>(1, 4), letter);
    JsonCursor at(text);
    const size_t place = text.find(wanted);
    RC_ASSERT(at.find(wanted) == (place != std::string::npos));
    RC_ASSERT(at.rest() == (place == std::string::npos ? text : text.substr(place + wanted.size())));
  }));
}

TEST(JsonScan, FindsTheFirstSpecialByteOfAnyText) {
  EXPECT_TRUE(rc::check([] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::weightedOneOf<char>({{30, rc::gen::inRange<char>(0x20, 0x7f)},
                                      {5, rc::gen::arbitrary<char>()},
                                      {1, rc::gen::element('"', '\\', '\x1f', '\x20', '\0')}}));
    size_t place = 0;
    while (place < text.size() && !is_json_special(static_cast<unsigned char>(text[place]))) ++place;
    // Wherever it lies in memory, and whatever stands behind it.
    const std::string before(*rc::gen::inRange<size_t>(0, 20), '"');
    const std::string all = before + text + "\"\"";
    RC_ASSERT(find_json_special(std::string_view(all).substr(before.size(), text.size())) == place);
  }));
}

TEST(JsonText, AnyAsciiIsReadBackByAParser) {
  EXPECT_TRUE(rc::check([] {
    const auto bytes = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
    std::string out;
    append_json_string(out, bytes);
    simdjson::dom::parser parser;
    std::string_view back;
    RC_ASSERT(!parser.parse(out).get(back));
    RC_ASSERT(back == bytes);
  }));
}

}  // namespace
}  // namespace sujip
