#include <gtest/gtest.h>

#include <random>

#include "core/expressions/template.h"

namespace sujip {
namespace {

// 2024-02-29 12:34:56.789012 UTC, a Thursday.
constexpr int64_t kNow = 1709210096789012;

Variables variables() {
  Variables v;
  v.set("config", *parse_json(R"({"api_key":"k-1","start_date":"2024-01-01","n":5,"flag":true,
    "off":false,"nothing":null,"empty":"","list":[1,2,3],"codes":["a","b"],"nested":{"x":{"y":"deep"}},
    "items":"a field","shop":"Café 한국","zero":0,"none_text":"None"})"));
  v.set("record", *parse_json(R"({"id":"123","price":"57,750","sold":"일시품절","amount":0.1,"qty":6,
    "unit":2.55,"when":"2024-01-31T10:00:00Z","code":"1_000","text":"  spaced  ","mixed":"A-b-C"})"));
  v.set("response", *parse_json(R"({"next":"abc","data":[{"id":1},{"id":2}],"total":2})"));
  v.set("headers", *parse_json(R"({"X-Next":"<https://x.example/p2>; rel=\"next\""})"));
  v.set_now(kNow);
  return v;
}

std::string json(std::string_view text, Dialect dialect = Dialect::airbyte) {
  const auto t = Template::compile(text, dialect);
  if (!t) return "compile: " + t.error().message();
  const auto value = t->evaluate(variables());
  if (!value) return "error: " + value.error().what;
  return value->is_undefined() ? "undefined" : to_json(*value);
}

std::string rendered(std::string_view text, Dialect dialect = Dialect::airbyte) {
  const auto t = Template::compile(text, dialect);
  if (!t) return "compile: " + t.error().message();
  const auto value = t->evaluate_text(variables());
  return value ? *value : "error: " + value.error().what;
}

bool truth(std::string_view text, Dialect dialect = Dialect::airbyte) {
  const auto t = Template::compile(text, dialect);
  EXPECT_TRUE(t.ok()) << text;
  const auto value = t->evaluate_bool(variables());
  EXPECT_TRUE(value.ok()) << text << ": " << value.error().message();
  return value.ok() && *value;
}

struct Case {
  const char* text;
  const char* expected;
};

class Evaluates : public testing::TestWithParam<Case> {};
TEST_P(Evaluates, ToJson) { EXPECT_EQ(json(GetParam().text), GetParam().expected) << GetParam().text; }

INSTANTIATE_TEST_SUITE_P(TypedByTheirLook, Evaluates,
                         testing::Values(Case{"007", "\"007\""}, Case{"1_000", "1000"}, Case{"1e5", "100000"},
                                         Case{"0x1F", "31"}, Case{" 12", "12"}, Case{"1,2", "[1,2]"},
                                         Case{"'a'", "\"a\""}, Case{"[1,2]", "[1,2]"}, Case{"{'a':1}", "{\"a\":1}"},
                                         Case{"{\"a\":null}", "\"{\\\"a\\\":null}\""}, Case{"None", "null"},
                                         Case{"True", "true"}, Case{"true", "\"true\""}, Case{"null", "\"null\""},
                                         Case{"nan", "\"nan\""}, Case{"2024-01-01", "\"2024-01-01\""},
                                         Case{"1+2j", "\"1+2j\""}, Case{"-5", "-5"}, Case{"()", "[]"},
                                         Case{"(1,)", "[1]"}, Case{"(1)", "1"}, Case{"1.50", "1.5"},
                                         Case{"1__0", "\"1__0\""}, Case{"00", "0"}, Case{"'a' 'b'", "\"ab\""},
                                         Case{"", "\"\""}, Case{"plain text", "\"plain text\""}));

INSTANTIATE_TEST_SUITE_P(
    Lookup, Evaluates,
    testing::Values(Case{"{{ record['id'] }}", "123"}, Case{"{{ record.code }}", "1000"},
                    Case{"{{ record['code'] | string }}", "1000"}, Case{"{{ config['n'] | string }}", "\"5\""},
                    Case{"{{ config['missing'] }}", "undefined"}, Case{"{{ config.get('missing') }}", "null"},
                    Case{"{{ config.get('missing', 7) }}", "7"}, Case{"{{ config.nested.x.y }}", "\"deep\""},
                    Case{"{{ config['nested']['x'] }}", "{\"y\":\"deep\"}"},
                    Case{"{{ config['items'] }}", "\"a field\""},
                    Case{"{{ config.items }}", "error: 'items' is a method of objects here"},
                    Case{"{{ response.data[0].id }}", "1"}, Case{"{{ response.data[-1]['id'] }}", "2"},
                    Case{"{{ config.list[1:] }}", "[2,3]"}, Case{"{{ config.list[::-1] }}", "[3,2,1]"},
                    Case{"{{ config.shop[-2:] }}", "\"한국\""}, Case{"{{ config.shop[3] }}", "\"é\""},
                    Case{"{{ config.missing.deeper }}", "error: the value is undefined"},
                    Case{"{{ nobody }}", "error: undeclared name 'nobody'"}));

INSTANTIATE_TEST_SUITE_P(
    Operators, Evaluates,
    testing::Values(Case{"{{ 1 + 2 * 3 }}", "7"}, Case{"{{ (1 + 2) * 3 }}", "9"}, Case{"{{ 7 // 2 }}", "3"},
                    Case{"{{ -7 // 2 }}", "-4"}, Case{"{{ -7 % 3 }}", "2"}, Case{"{{ 1 / 4 }}", "0.25"},
                    Case{"{{ 2 / 3 }}", "0.666666666666666667"}, Case{"{{ 2 ** 10 }}", "1024"},
                    Case{"{{ 'a' ~ 1 ~ none }}", "\"a1None\""}, Case{"{{ 'a' + 'b' }}", "\"ab\""},
                    Case{"{{ 1 if config.flag else 2 }}", "1"}, Case{"{{ 1 if config.off }}", "undefined"},
                    Case{"{{ config.off or 'x' }}", "\"x\""}, Case{"{{ config.flag and 'x' }}", "\"x\""},
                    Case{"{{ not config.flag }}", "false"}, Case{"{{ 2 in config.list }}", "true"},
                    Case{"{{ 'z' not in config.codes }}", "true"}, Case{"{{ 'id' in record }}", "true"},
                    Case{"{{ 'Caf' in config.shop }}", "true"}, Case{"{{ 1 < 2 <= 2 }}", "true"},
                    Case{"{{ 1 == 1.0 }}", "true"}, Case{"{{ 'a' == 1 }}", "false"},
                    Case{"{{ config.nothing is none }}", "true"}, Case{"{{ config.missing is none }}", "false"},
                    Case{"{{ config.missing is not none }}", "true"}, Case{"{{ not config.missing }}", "true"},
                    Case{"{{ config.off is false }}", "true"}, Case{"{{ config.missing is defined }}", "false"},
                    Case{"{{ {'a': {'b': 1}} }}", "{\"a\":{\"b\":1}}"}, Case{"{{ [1, 'x', none] }}", "[1,\"x\",null]"},
                    Case{"{{ 'ab' * 3 }}", "\"ababab\""}, Case{"{{ 1 / 0 }}", "error: division by zero"},
                    // a type error yields the text of the template itself
                    Case{"{{ 'a' in none }}", "\"{{ 'a' in none }}\""}));

INSTANTIATE_TEST_SUITE_P(
    ExactDecimals, Evaluates,
    testing::Values(Case{"{{ 0.1 + 0.2 }}", "0.3"}, Case{"{{ 6 * 2.55 }}", "15.3"},
                    Case{"{{ record.qty * record.unit }}", "15.3"}, Case{"{{ 0.1 + 0.2 == 0.3 }}", "true"},
                    Case{"{{ -1500 - 66.23 }}", "-1566.23"},
                    Case{"{{ 12345678901234567890123456789 + 1 }}", "12345678901234567890123456790"},
                    Case{"{{ 99999999999999999999 * 99999999999999999999 }}",
                         "error: the result is not a number of up to 37 digits"}));

INSTANTIATE_TEST_SUITE_P(
    FiltersAndMethods, Evaluates,
    testing::Values(
        Case{"{{ config.missing | default('d') }}", "\"d\""}, Case{"{{ config.empty | default('d', true) }}", "\"d\""},
        Case{"{{ '12' | int }}", "12"}, Case{"{{ 'x' | int }}", "0"}, Case{"{{ '1.5' | float }}", "1.5"},
        Case{"{{ config.list | length }}", "3"}, Case{"{{ config.shop | length }}", "7"},
        Case{"{{ 'a' | hash }}", "\"0cc175b9c0f1b6a831c399e269772661\""},
        Case{"{{ 'abc' | hash('sha256') }}", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
        Case{"{{ 'user:pw' | base64encode }}", "\"dXNlcjpwdw==\""},
        Case{"{{ 'dXNlcjpwdw==' | base64decode }}", "\"user:pw\""},
        Case{"{{ headers['X-Next'] | regex_search('<(.*)>; rel=\"next\"') }}", "\"https://x.example/p2\""},
        Case{"{{ 'abc' | regex_search('(z)') }}", "\"\""},
        Case{"{{ '2024-01' | regex_replace('(\\d+)-(\\d+)', '\\2/\\1') }}", "\"01/2024\""},
        Case{"{{ 'Ab' | lower }}{{ 'Ab' | upper }}", "\"abAB\""}, Case{"{{ config.codes | join(',') }}", "\"a,b\""},
        Case{"{{ ','.join(config.codes) }}", "\"a,b\""}, Case{"{{ 2.345 | round(2) }}", "2.35"},
        Case{"{{ 2.5 | round }}", "3"}, Case{"{{ config.list | first }}{{ config.list | last }}", "13"},
        Case{"{{ record.mixed.split('-')[1] }}", "\"b\""}, Case{"{{ record.mixed.replace('-', '/') }}", "\"A/b/C\""},
        Case{"{{ record.text.strip() }}", "\"spaced\""},
        Case{"{{ record.mixed.startswith('A') and record.mixed.endswith('C') }}", "true"},
        Case{"{{ 'a b/c&' | urlencode }}", "\"a%20b/c%26\""},
        Case{"{{ {'a': 'x y', 'b': '/'} | urlencode }}", "\"a=x+y&b=%2F\""},
        Case{"{{ 'key' | hmac('secret') }}", "\"96de09a0f8699191b28587118ac57df88bbf6c2d0c131d196dcd90f7efd68c93\""}));

INSTANTIATE_TEST_SUITE_P(
    Macros, Evaluates,
    testing::Values(Case{"{{ now_utc() }}", "\"2024-02-29T12:34:56.789012+00:00\""},
                    Case{"{{ now_utc().strftime('%Y-%m-%dT%H:%M:%SZ') }}", "\"2024-02-29T12:34:56Z\""},
                    Case{"{{ today_utc() }}", "\"2024-02-29\""},
                    Case{"{{ (now_utc() - duration('P1M')).strftime('%Y-%m-%d') }}", "\"2024-01-29\""},
                    Case{"{{ (str_to_datetime(record.when) + duration('P1M')).strftime('%m-%d') }}", "\"02-29\""},
                    Case{"{{ day_delta(-1, format='%Y-%m-%d') }}", "\"2024-02-28\""},
                    Case{"{{ day_delta(1) }}", "\"2024-03-01T12:34:56.789012+0000\""},
                    Case{"{{ format_datetime(record.when, '%Y%m%d') }}", "20240131"},
                    Case{"{{ format_datetime('31/01/2024', '%s', '%d/%m/%Y') }}", "1706659200"},
                    Case{"{{ format_datetime(record.when, '%ms') }}", "1706695200000"},
                    Case{"{{ format_datetime(record.when, '%epoch_microseconds') }}", "1706695200000000"},
                    Case{"{{ format_datetime(record.when, '%s_as_float') }}", "1706695200"},
                    Case{"{{ timestamp('2024-01-31T10:00:00Z') }}", "1706695200"},
                    Case{"{{ timestamp(1646006400) }}", "1646006400"}, Case{"{{ max(3, 7, 5) }}", "7"},
                    Case{"{{ min(config.list) }}", "1"}, Case{"{{ today_utc().weekday() }}", "3"},
                    Case{"{{ today_with_timezone('Asia/Seoul') }}", "\"2024-02-29\""},
                    Case{"{{ now_utc() > str_to_datetime('2024-01-01') }}", "true"}));

TEST(TemplateText, LooksLikePython) {
  EXPECT_EQ(rendered("{{ config.get('m') }}"), "None");
  EXPECT_EQ(rendered("{{ config.flag }}/{{ config.list }}/{{ config.codes }}"), "True/[1, 2, 3]/['a', 'b']");
  EXPECT_EQ(rendered("{{ now_utc() }}"), "2024-02-29 12:34:56.789012+00:00");
  EXPECT_EQ(rendered("{{ 4 / 2 }}"), "2.0");
  EXPECT_EQ(rendered("a{{ config.missing }}b"), "ab");
  EXPECT_EQ(rendered("x {#- gone -#} y{{- 1 -}} z\n"), "xy1z");
}

TEST(TemplateBool, IsFalseForTheseOnly) {
  for (const char* text :
       {"", "False", "false", "{}", "[]", "()", "0", "0.0", "{{ config.off }}", "{{ config.missing }}",
        "{{ config.zero }}", "{{ config.empty }}", "{{ config.missing.deeper }}", "{{ not config.flag }}"})
    EXPECT_FALSE(truth(text)) << text;
  for (const char* text : {"true", "no", "{{ config.nothing }}", "{{ none }}", "{{ 'a' in none }}", "{{ config.n }}",
                           "None", "{{ config.list }}"})
    EXPECT_TRUE(truth(text)) << text;
}

TEST(TemplateErrors, NameTemplateColumnAndWhatIsAllowed) {
  const auto error = [](std::string_view text) {
    const auto t = Template::compile(text, Dialect::airbyte, {"config", "record"});
    return t.ok() ? std::string("none") : t.error().message();
  };
  EXPECT_NE(error("{{ confg['a'] }}").find("column 4: undeclared name 'confg' (allowed: config, record)"),
            std::string::npos)
      << error("{{ confg['a'] }}");
  EXPECT_NE(error("{{ config | fisrt }}").find("unknown filter 'fisrt'"), std::string::npos);
  EXPECT_NE(error("{{ config['a' }}").find("column"), std::string::npos);
  EXPECT_NE(error("{% if x %}").find("not supported"), std::string::npos);
  EXPECT_NE(error("{{ 'open }}").find("open quote"), std::string::npos);
  EXPECT_NE(error("{{ stream_state }}").find("stream_state"), std::string::npos);
  EXPECT_NE(error("{{ json_loads('x') }}").find("unknown function 'json_loads'"), std::string::npos);
  EXPECT_NE(error("{{ day_delta(1, fromat='x') }}").find("no argument 'fromat'"), std::string::npos);
  EXPECT_EQ(error("{{ config.a }}"), "none");
}

TEST(TemplateShape, TellsPlainFieldsAndLiterals) {
  const auto bracket = Template::compile("{{ record['x'] }}");
  ASSERT_TRUE(bracket->as_field());
  EXPECT_EQ(bracket->as_field()->variable, "record");
  EXPECT_EQ(bracket->as_field()->field, "x");
  EXPECT_EQ(Template::compile("{{ record.x }}")->as_field()->field, "x");
  EXPECT_FALSE(Template::compile("{{ record.x | lower }}")->as_field());
  EXPECT_FALSE(Template::compile("a{{ record.x }}")->as_field());
  const auto filtered = Template::compile("{{ record['x'] | number_or_null(above=0) }}");
  ASSERT_TRUE(filtered->as_filtered_field());
  EXPECT_EQ(filtered->as_filtered_field()->filter, "number_or_null");
  EXPECT_EQ(*filtered->as_filtered_field()->arguments[0], Value(0));
  EXPECT_EQ(Template::compile("GBP")->as_literal(), "GBP");
  EXPECT_FALSE(bracket->as_literal());
  const auto names = Template::compile("{{ record['x'] ~ config.y ~ record.get('z') }}")->names();
  EXPECT_EQ(names, (std::vector<std::string>{"record", "record.x", "config", "config.y", "record.z"}));
}

TEST(TemplateClock, IsNeverReadBehindTheBack) {
  const auto t = Template::compile("{{ now_utc() }}");
  Variables none;
  EXPECT_FALSE(t->evaluate(none).ok());
}

TEST(ExactDialect, KeepsTypesAndRefusesGuesses) {
  const auto x = [](std::string_view text) { return json(text, Dialect::exact); };
  EXPECT_EQ(x("{{ record['id'] }}"), "\"123\"");
  EXPECT_EQ(x("{{ record['code'] }}"), "\"1_000\"");
  EXPECT_EQ(x("123"), "\"123\"");
  EXPECT_EQ(x("{{ record['price'] | decimal }}"), "57750");
  EXPECT_EQ(x("{{ record['sold'] | decimal }}"), "error: '일시품절' is not a number");
  EXPECT_EQ(x("{{ record['sold'] | number_or_null }}"), "null");
  EXPECT_EQ(x("{{ '1TB_104,520|500GB_138원/1GB_68,770' | number_or_null }}"), "null");
  EXPECT_EQ(x("{{ '0' | number_or_null(above=0) }}"), "null");
  EXPECT_EQ(x("{{ '0' | number_or_null }}"), "0");
  EXPECT_EQ(x("{{ '' | decimal }}"), "null");
  EXPECT_EQ(x("{{ '12.5' | int }}"), "error: '12.5' is not a whole number");
  EXPECT_EQ(x("{{ '17850.0' | int }}"), "17850");
  EXPECT_EQ(x("{{ '2026.10.01.' | date }}"), "\"2026-10-01\"");
  EXPECT_EQ(x("{{ '2010-12-01 08:26:00' | time('+00:00') }}"), "\"2010-12-01T08:26:00.000Z\"");
  EXPECT_EQ(x("{{ '2010-12-01 08:26:00' | time('Asia/Seoul') }}"), "\"2010-11-30T23:26:00.000Z\"");
  EXPECT_EQ(x("{{ 'Y' | map({'Y': true, 'N': false}) }}"), "true");
  EXPECT_EQ(x("{{ 'Q' | map({'Y': true}, 'other') }}"), "\"other\"");
  EXPECT_EQ(x("{{ 'Q' | map({'Y': true}) }}"), "error: 'Q' is not in map()");
  EXPECT_EQ(x("{{ 'nad-a001' | strip_prefix('nad-') }}"), "\"a001\"");
  EXPECT_EQ(x("{{ 'a' in none }}"), "error: 'in' does not work between string and null");
  EXPECT_EQ(rendered("{{ none }}|{{ true }}|{{ 1.50 }}", Dialect::exact), "|true|1.5");
  EXPECT_FALSE(truth("{{ none }}", Dialect::exact));
}

// Random texts out of the language's own words: any answer is fine, but it must be one.
TEST(TemplateProperty, NeverCrashesOnRandomText) {
  const std::vector<std::string> words = {"{{",
                                          "}}",
                                          " ",
                                          "record",
                                          "config",
                                          "['id']",
                                          ".get('x')",
                                          "(",
                                          ")",
                                          "[",
                                          "]",
                                          "{",
                                          "}",
                                          "|",
                                          "int",
                                          "default",
                                          "'a'",
                                          "1",
                                          "2.5",
                                          "-",
                                          "+",
                                          "*",
                                          "/",
                                          "//",
                                          "%",
                                          "**",
                                          "~",
                                          "==",
                                          "<",
                                          "not",
                                          "in",
                                          "is",
                                          "none",
                                          "if",
                                          "else",
                                          "and",
                                          "or",
                                          ",",
                                          ":",
                                          "now_utc()",
                                          "duration('P1M')",
                                          "split",
                                          ".",
                                          "items()",
                                          "date",
                                          "map",
                                          "\"",
                                          "'",
                                          "\\",
                                          "한",
                                          "{#",
                                          "#}",
                                          "{%",
                                          "-}}",
                                          "{{-",
                                          "regex_search",
                                          "('(a+)+b')",
                                          "list[1:]",
                                          "999999999999999999999999999999999999",
                                          "hash",
                                          "join",
                                          "\xff",
                                          "0x1f"};
  std::mt19937 random(20240229);
  const Variables v = variables();
  size_t compiled = 0;
  for (int i = 0; i < 60000; ++i) {
    std::string text = i % 2 == 0 ? "{{ " : "";
    const size_t n = 1 + random() % 12;
    for (size_t k = 0; k < n; ++k) text += words[random() % words.size()] + (random() % 2 ? " " : "");
    if (i % 2 == 0) text += " }}";
    for (const Dialect dialect : {Dialect::airbyte, Dialect::exact}) {
      const auto t = Template::compile(text, dialect);
      if (!t) {
        EXPECT_NE(t.error().where.find("column"), std::string::npos) << text;
        continue;
      }
      ++compiled;
      const auto value = t->evaluate(v);
      if (value.ok()) (void)to_json(*value);
      (void)t->evaluate_text(v);
      (void)t->evaluate_bool(v);
    }
  }
  EXPECT_GT(compiled, 5000u);
}

TEST(TemplateProperty, DeepNestingIsAnErrorNotACrash) {
  for (const char* open : {"(", "[", "-", "not ", "{'a':"}) {
    std::string text = "{{ ";
    for (int i = 0; i < 5000; ++i) text += open;
    EXPECT_FALSE(Template::compile(text + " }}").ok());
  }
  std::string chain = "{{ config";
  for (int i = 0; i < 10000; ++i) chain += ".a";
  EXPECT_FALSE(Template::compile(chain + " }}").ok());
  EXPECT_TRUE(literal_eval(std::string(100000, '[')).is_string());
}

}  // namespace
}  // namespace sujip
