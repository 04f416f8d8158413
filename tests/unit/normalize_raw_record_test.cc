#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "processors/normalize/raw_record.h"

namespace sujip::normalize {
namespace {

constexpr const char* kReport =
    R"({"medium":"naver_sa","account":"n-000100","date":"2025-12-15","keyword":"정품 제주 렌터카","device":"MOBILE",)"
    R"("impressions":90,"cost":-1947.5,"rate":1e-3,"ok":true,"none":null,"empty":""})";

TEST(RawRecord, APlainRecordNeedsNoParser) {
  std::vector<RawField> fields;
  ASSERT_TRUE(read_plain_fields(kReport, fields));
  ASSERT_EQ(fields.size(), 11U);
  EXPECT_EQ(fields[3].name, "keyword");
  EXPECT_EQ(fields[3].value.text, "정품 제주 렌터카");
  EXPECT_EQ(fields[3].value.raw, "\"정품 제주 렌터카\"");
  EXPECT_EQ(fields[6].value.kind, RawValue::Kind::number);
  EXPECT_EQ(fields[6].value.text, "-1947.5");
  EXPECT_EQ(fields[8].value.kind, RawValue::Kind::boolean);
  EXPECT_EQ(fields[9].value.kind, RawValue::Kind::null);
  EXPECT_EQ(fields[10].value.kind, RawValue::Kind::text);
  EXPECT_EQ(fields[10].value.text, "");
}

TEST(RawRecord, WhatIsNotPlainIsLeftToTheParser) {
  std::vector<RawField> fields;
  for (const char* text : {"",
                           "{}",
                           "{",
                           R"({"a":1)",
                           R"({"a":1,})",
                           R"({"a":01})",
                           R"({"a":1}x)",
                           R"( {"a":1})",
                           R"({"a": 1})",
                           R"({"a":[1]})",
                           R"({"a":{}})",
                           R"({"a":"\n"})",
                           R"({"a\u0062":1})",
                           "{\"a\":\"\t\"}",
                           R"({"a":nul})",
                           R"({"a":})",
                           R"({"a"})",
                           R"({a:1})",
                           "{\"a\":\"\xff\"}",
                           R"({"a":1}})",
                           R"([1])",
                           R"({"a":"x)"})
    EXPECT_FALSE(read_plain_fields(text, fields)) << text;
}

TEST(RawRecord, WhatIsWrongDoesNotHangOnTheRecordBefore) {
  constexpr std::string_view kDamaged = R"({"a":1,"b"{"c":2})";
  std::vector<RawField> fields;
  std::vector<std::string> reasons;
  for (const char behind : {'}', ']', '"', ',', '7'}) {
    std::string before = R"( {"text":")";
    before.append(100, behind == '"' ? '}' : behind);
    before += R"("})";
    ASSERT_TRUE(read_fields(before, fields).ok());
    const Status s = read_fields(kDamaged, fields);
    ASSERT_FALSE(s.ok());
    reasons.push_back(s.error().message());
    EXPECT_EQ(reasons.back(), reasons.front()) << "behind " << before;
  }
}

// Compared with simdjson's other way, which knows nothing of ours.
void expect_same_as_dom(const std::string& text, const std::vector<RawField>& fields) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(text).get(object) != simdjson::SUCCESS) {
    // It alone refuses numbers that fit no machine's.
    const bool large = std::any_of(fields.begin(), fields.end(), [](const RawField& field) {
      return field.value.kind == RawValue::Kind::number &&
             (field.value.text.size() > 15 || std::isinf(std::strtod(std::string(field.value.text).c_str(), nullptr)));
    });
    RC_ASSERT(large);
    return;
  }
  RC_ASSERT(object.size() == fields.size());
  size_t i = 0;
  for (const auto& [name, value] : object) {
    const RawField& field = fields[i++];
    RC_ASSERT(field.name == name);
    switch (value.type()) {
      case simdjson::dom::element_type::STRING:
        RC_ASSERT(field.value.kind == RawValue::Kind::text);
        RC_ASSERT(field.value.text == value.get_string().value());
        break;
      case simdjson::dom::element_type::BOOL:
        RC_ASSERT(field.value.kind == RawValue::Kind::boolean);
        RC_ASSERT(field.value.text == (value.get_bool().value() ? "true" : "false"));
        break;
      case simdjson::dom::element_type::NULL_VALUE:
        RC_ASSERT(field.value.kind == RawValue::Kind::null);
        break;
      case simdjson::dom::element_type::ARRAY:
      case simdjson::dom::element_type::OBJECT:
        RC_FAIL("nested");
        break;
      default:
        RC_ASSERT(field.value.kind == RawValue::Kind::number);
        RC_ASSERT(std::strtod(std::string(field.value.text).c_str(), nullptr) == value.get_double().value());
    }
  }
}

TEST(RawRecord, WhateverIsTakenAsPlainMeansTheSameToAParser) {
  int taken = 0;
  EXPECT_TRUE(rc::check([&] {
    std::string text = kReport;
    const int changes = *rc::gen::inRange(0, 4);
    for (int i = 0; i < changes; ++i) {
      const auto at = *rc::gen::inRange<size_t>(0, text.size());
      const auto piece =
          *rc::gen::element<std::string>("\"", "\\", "{", "}", "[", "]", ":", ",", "0", "-", "e", ".", " ", "\n",
                                         "\xff", "\xed\x95", "한", "true", "null", R"("x":1)", R"(,"a":"b")", "");
      text.replace(at, *rc::gen::inRange<size_t>(0, 4), piece);
    }
    std::vector<RawField> fields;
    if (!read_plain_fields(text, fields)) return;
    ++taken;
    expect_same_as_dom(text, fields);
  }));
  EXPECT_GT(taken, 10);
}

}  // namespace
}  // namespace sujip::normalize
