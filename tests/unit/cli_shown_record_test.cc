// What `sujip tail` shows of a record, and what it never shows.

#include <gtest/gtest.h>

#include <simdjson.h>

#include "cli/secrets.h"
#include "cli/shown_record.h"
#include "topics/messages.h"

namespace sujip {
namespace {

ShownRecord shown(const std::string& topic, const std::string& value, const std::vector<kafka::Header>& headers = {},
                  const std::string& key = "k") {
  return show_parts(topic, key, value, headers);
}

TEST(Secrets, NamesInAnyForm) {
  for (const char* name : {"password", "PASSWORD", "user_password", "clientSecret", "access-token", "Authorization",
                           "api_key", "apiKey", "X-API-KEY", "private key", "refresh.token", "비밀번호", "credentials"})
    EXPECT_TRUE(is_secret_name(name, false)) << name;
  for (const char* name : {"name", "keyword", "key_figures", "product_key", "key", "price", "ce_run"})
    EXPECT_FALSE(is_secret_name(name, false)) << name;
  for (const char* name : {"key", "customer_key", "licenseKey"}) EXPECT_TRUE(is_secret_name(name, true)) << name;
  EXPECT_FALSE(is_secret_name("keyword", true));
}

TEST(Secrets, ValuesOfAnyKindAtAnyDepthAreMaskedAndTheRestIsAsItWas) {
  EXPECT_EQ(
      mask_json(
          R"({"a":1.50,"password":"p\"}w","b":[{"Token" : {"x":["}"]},"c":"d"}],"secret":[1,2],"n":12345678901234567890})",
          false),
      R"({"a":1.50,"password":"***","b":[{"Token" : "***","c":"d"}],"secret":"***","n":12345678901234567890})");
  EXPECT_EQ(mask_json(R"({"token":null,"token2":"","token3":7,"token4":true})", false),
            R"({"token":null,"token2":"","token3":"***","token4":"***"})");
  EXPECT_EQ(mask_json(R"(["password","x"])", false), R"(["password","x"])");
  EXPECT_EQ(mask_json(R"({"\u0070assword":"x","a":"\\"})", false), R"({"\u0070assword":"***","a":"\\"})");
  EXPECT_EQ(mask_json("\"password\"", false), "\"password\"");
  EXPECT_EQ(mask_json("{}", true), "{}");
}

TEST(ShownRecords, AccountDataHidesKeysToo) {
  const auto record = shown("raw.account", R"({"id":"1","customerKey":"abc","nested":{"secret_key":"s"}})",
                            {{"ce_type", "sujip.account.row"}, {"authorization", "Bearer x"}});
  EXPECT_EQ(*record.value, R"({"id":"1","customerKey":"***","nested":{"secret_key":"***"}})");
  EXPECT_EQ(record.header("authorization"), "***");
  EXPECT_EQ(to_json(record).find("abc"), std::string::npos);
  EXPECT_EQ(record.field("customerKey"), "***") << "a filter is no way to guess it";
}

TEST(ShownRecords, WhatCantBeLookedIntoIsNotShownWhereSecretsMayBe) {
  EXPECT_EQ(*shown("raw.account", "password=abc").value, "\"(12 bytes, not JSON)\"");
  EXPECT_EQ(*shown("raw.order", "a=b").value, "\"a=b\"");
  EXPECT_EQ(*shown("raw.order", "\xff\xfe").value, "\"(2 bytes, not text)\"");
}

TEST(ShownRecords, ADeadLetterShowsTheRecordItSpeaksOf) {
  DeadLetter letter;
  letter.topic = "raw.account";
  letter.partition = 3;
  letter.offset = 17;
  letter.stage = "process";
  letter.reason = "no name";
  letter.key = "the key";
  letter.value = R"({"token":"abc","n":1})";
  const auto record = shown("dead.letter", encode(letter), {}, "raw.account-3-17");
  const std::string json = to_json(record);
  EXPECT_EQ(json.find("abc"), std::string::npos) << json;
  EXPECT_EQ(json.find("base64"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("key":"the key","value":{"token":"***","n":1})"), std::string::npos) << json;
  EXPECT_NE(to_line(record, 0).find("raw.account-3-17  process  no name"), std::string::npos) << to_line(record, 0);
  letter.topic = "raw.order";
  letter.value = "{not JSON";
  EXPECT_NE(to_json(shown("dead.letter", encode(letter))).find(R"("value":"{not JSON")"), std::string::npos);
}

TEST(ShownRecords, LinesSayWhatAPersonLooksFor) {
  ShownRecord change = shown("change.product",
                             R"({"before":{"code":"1","price":5,"name":"a"},"after":{"code":"1","price":7.50,)"
                             R"("name":"a"},"op":"u","source":{"scope":"s/a/product","rev":9}})",
                             {}, R"({"code":"1"})");
  change.timestamp_ms = 1795270162191;
  change.partition = 2;
  change.offset = 17;
  EXPECT_EQ(to_line(change, 0), R"(2026-11-21T14:09:22.191Z  2@17  {"code":"1"}  u  price: 5 → 7.5)");
  EXPECT_EQ(change.scope(), "s/a/product");
  EXPECT_EQ(change.field("price"), "7.5");
  EXPECT_EQ(change.field("before.price"), "5");
  EXPECT_EQ(change.field("rev"), "9");
  EXPECT_EQ(change.field("none"), std::nullopt);

  const auto raw = shown("raw.order", R"({"run":"r"})",
                         {{"ce_type", "sujip.order_item.begin"}, {"ce_subject", "s/a/order_item"}, {"ce_run", "r"}});
  EXPECT_EQ(raw.scope(), "s/a/order_item");
  EXPECT_EQ(raw.field("ce_run"), "r");
  EXPECT_NE(to_line(raw, 0).find("begin    s/a/order_item  r  {\"run\":\"r\"}"), std::string::npos) << to_line(raw, 0);

  const auto gone = show_parts("rollup.order_item", "k", std::nullopt, {});
  EXPECT_NE(to_line(gone, 0).find("k  (removed)"), std::string::npos);
  EXPECT_NE(to_json(gone).find("\"value\":null"), std::string::npos);

  RunLog log;
  log.run = "r1";
  log.stage = "collect";
  log.state = "failed";
  log.message = "no answer";
  EXPECT_NE(to_line(shown("run.log", encode(log)), 0).find("collect  failed  r1  no answer"), std::string::npos);
}

TEST(ShownRecords, LongLinesAreCutBetweenLetters) {
  const auto record = shown("raw.order", R"({"a":"가가가가가가가가가가가가가가가가"})");
  for (size_t width = 1; width < 40; ++width) {
    const std::string line = to_line(record, width);
    EXPECT_TRUE(simdjson::validate_utf8(line.data(), line.size())) << width;
  }
}

TEST(ShownRecords, JsonIsJson) {
  simdjson::dom::parser parser;
  for (const std::string value : {R"({"a":"\n"})", "not \"JSON\"", "\xff", "", "[1,2", "12"})
    for (const char* topic : {"raw.order", "raw.account", "dead.letter", "change.product", "run.log", "else"}) {
      const std::string json = to_json(shown(topic, value, {{"h", "\xff"}}));
      simdjson::dom::element root;
      EXPECT_FALSE(parser.parse(simdjson::padded_string(json)).get(root)) << json;
    }
}

}  // namespace
}  // namespace sujip
