#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <simdjson.h>

#include "core/json_scan.h"
#include "core/json_text.h"

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
