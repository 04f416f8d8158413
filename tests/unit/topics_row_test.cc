#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <simdjson.h>

#include "tests/unit/support/declared.h"
#include "topics/row_json.h"

namespace sujip {
namespace {

const Dataset& thing() {
  static const Dataset dataset = testing::declared(R"(
dataset: thing
raw: raw.catalog
scope: [source, account]
key: [source, account, id, on]
guarded: [price, note]
fields:
  - {name: source}
  - {name: account}
  - {name: id, type: integer}
  - {name: on, type: date}
  - {name: price, type: decimal, scale: 4}
  - {name: note}
  - {name: flag, type: boolean}
  - {name: at, type: timestamp, volatile: true}
  - {name: tree, type: json}
  - {name: title, minor: true}
  - {name: hits, type: integer, volatile: true}
)");
  return dataset;
}

struct AnyValue {
  bool present = false;
  int64_t number = 0;
  std::string text;
};

std::vector<AnyValue> any_row() {
  std::vector<AnyValue> out;
  for (const Field& f : thing().fields) {
    AnyValue v;
    v.present = f.required || *rc::gen::arbitrary<bool>();
    if (v.present) {
      switch (f.type) {
        case FieldType::string:
          v.text = *rc::gen::arbitrary<std::string>();
          break;
        case FieldType::json:
          v.text = R"({"a":[1,null]})";
          break;
        case FieldType::boolean:
          v.number = *rc::gen::inRange(0, 2);
          break;
        case FieldType::date:
          v.number = *rc::gen::inRange(-10000, 50000);
          break;
        case FieldType::timestamp:
          v.number = *rc::gen::inRange<int64_t>(0, 4000000000000);
          break;
        default:
          v.number = *rc::gen::oneOf(rc::gen::arbitrary<int64_t>(), rc::gen::element(INT64_MIN, INT64_MAX));
      }
    }
    out.push_back(v);
  }
  return out;
}

std::string encoded(const std::vector<AnyValue>& row) {
  RowBuilder builder(thing());
  for (size_t i = 0; i < row.size(); ++i) {
    const FieldType type = thing().fields[i].type;
    const int n = static_cast<int>(i);
    if (!row[i].present)
      builder.set_null(n);
    else if (type == FieldType::string || type == FieldType::json)
      builder.set_text(n, row[i].text);
    else
      builder.set_number(n, row[i].number);
  }
  std::string out;
  builder.encode(out);
  return out;
}

std::vector<FieldValue> decoded(const std::string& bytes) {
  std::vector<FieldValue> out;
  EXPECT_TRUE(decode_row(thing(), bytes, out));
  return out;
}

TEST(Row, IsReadBackAsWritten) {
  EXPECT_TRUE(rc::check([] {
    const auto row = any_row();
    const std::string bytes = encoded(row);
    const auto back = decoded(bytes);
    for (size_t i = 0; i < row.size(); ++i) {
      RC_ASSERT(back[i].present == row[i].present);
      RC_ASSERT(back[i].number == row[i].number);
      RC_ASSERT(back[i].text == row[i].text);
    }
  }));
}

TEST(Row, TheSecondOfTwoIsWrittenAsIfAlone) {
  EXPECT_TRUE(rc::check([] {
    const auto a = any_row();
    auto b = a;
    const auto other = any_row();
    for (size_t i = 0; i < b.size(); ++i)
      if (*rc::gen::weightedElement<bool>({{1, true}, {3, false}})) b[i] = other[i];
    const std::string bytes[] = {encoded(a), encoded(b)};
    const std::vector<FieldValue> rows[] = {decoded(bytes[0]), decoded(bytes[1])};
    std::string alone[2];
    for (size_t i = 0; i < 2; ++i) append_row_json(alone[i], thing(), rows[i]);
    // Memory of exactly the size that was asked for.
    std::vector<char> memory(row_json_room(thing(), rows[0]) + row_json_room(thing(), rows[1]));
    RowJsonWriter writer;
    char* const second = writer.write(memory.data(), thing(), rows[0]);
    char* const end = writer.write_like(second, rows[1]);
    RC_ASSERT(std::string(memory.data(), second) == alone[0]);
    RC_ASSERT(std::string(second, end) == alone[1]);
  }));
}

TEST(Row, DamageIsNoticedAndNeverReadBeyond) {
  EXPECT_TRUE(rc::check([] {
    const std::string bytes = encoded(any_row());
    std::vector<FieldValue> out;
    for (size_t n = 0; n < bytes.size(); ++n) {
      const std::string cut(bytes, 0, n);
      RC_ASSERT(!decode_row(thing(), cut, out));
    }
  }));
}

TEST(Row, CanonicalPartIsEqualExactlyWhenNothingButVolatileFieldsDiffer) {
  EXPECT_TRUE(rc::check([] {
    const auto a = any_row();
    auto b = a;
    const auto change = *rc::gen::inRange<size_t>(0, a.size());
    const auto other = any_row();
    b[change] = other[change];
    bool equal = true;
    for (size_t i = 0; i < a.size(); ++i)
      if (!thing().fields[i].is_volatile)
        equal = equal && a[i].present == b[i].present && a[i].number == b[i].number && a[i].text == b[i].text;
    const std::string ab = encoded(a);
    const std::string bb = encoded(b);
    RC_ASSERT((canonical_part(ab) == canonical_part(bb)) == equal);
  }));
}

TEST(Row, KeyHashHangsOnTheKeyAlone) {
  EXPECT_TRUE(rc::check([] {
    const auto a = any_row();
    auto b = any_row();
    for (const int k : thing().key) b[static_cast<size_t>(k)] = a[static_cast<size_t>(k)];
    const std::string ab = encoded(a);
    const std::string bb = encoded(b);
    RC_ASSERT(key_hash(thing(), decoded(ab)) == key_hash(thing(), decoded(bb)));
    const auto k = static_cast<size_t>(*rc::gen::elementOf(thing().key));
    b[k].number ^= 1;
    b[k].text += "x";
    const std::string cb = encoded(b);
    RC_ASSERT(key_hash(thing(), decoded(ab)) != key_hash(thing(), decoded(cb)));
  }));
}

// "ab" + "c" and "a" + "bc" are different keys.
TEST(Row, KeyHashKnowsWhereAFieldEnds) {
  std::vector<AnyValue> a(thing().fields.size());
  for (const int k : thing().key) a[static_cast<size_t>(k)].present = true;
  auto b = a;
  a[0].text = "ab";
  a[1].text = "c";
  b[0].text = "a";
  b[1].text = "bc";
  const std::string ab = encoded(a);
  const std::string bb = encoded(b);
  EXPECT_NE(key_hash(thing(), decoded(ab)), key_hash(thing(), decoded(bb)));
}

TEST(Row, MinorAndZeroed) {
  std::vector<AnyValue> a(thing().fields.size());
  const auto set = [&](std::vector<AnyValue>& row, const char* field, int64_t n, std::string text = "") {
    row[static_cast<size_t>(thing().field_index(field))] = {true, n, std::move(text)};
  };
  set(a, "price", 5);
  auto b = a;
  set(b, "title", 0, "new");
  set(b, "hits", 3);
  const auto minor = [](const std::string& x, const std::string& y) {
    return differs_only_in_minor(thing(), decoded(x), decoded(y));
  };
  const auto zeroed = [](const std::string& x, const std::string& y) {
    return is_zeroed(thing(), decoded(x), decoded(y));
  };
  EXPECT_TRUE(minor(encoded(a), encoded(b)));
  EXPECT_FALSE(zeroed(encoded(a), encoded(b)));
  set(b, "price", 0);
  EXPECT_FALSE(minor(encoded(a), encoded(b)));
  EXPECT_TRUE(zeroed(encoded(a), encoded(b)));
  set(b, "note", 0, "sold out");  // another guarded field has a value: not zeroed
  EXPECT_FALSE(zeroed(encoded(a), encoded(b)));
  set(b, "note", 0, "0");
  EXPECT_TRUE(zeroed(encoded(a), encoded(b)));
  EXPECT_FALSE(zeroed(encoded(b), encoded(a)));
}

TEST(Row, JsonOfEveryType) {
  std::vector<AnyValue> a(thing().fields.size());
  const auto set = [&](const char* field, int64_t n, std::string text = "") {
    a[static_cast<size_t>(thing().field_index(field))] = {true, n, std::move(text)};
  };
  set("source", 0, "a\"b");
  set("account", 0, "한");
  set("id", INT64_MIN);
  set("on", 14979);
  set("price", -15662300);
  set("flag", 1);
  set("at", 1294216000123);
  set("tree", 0, R"({"x":[1]})");
  const std::string bytes = encoded(a);
  const auto row = decoded(bytes);
  std::string json;
  append_row_json(json, thing(), row);
  EXPECT_EQ(json, R"({"source":"a\"b","account":"한","id":-9223372036854775808,"on":"2011-01-05",)"
                  R"("price":-1566.23,"note":null,"flag":true,"at":"2011-01-05T08:26:40.123Z",)"
                  R"("tree":{"x":[1]},"title":null,"hits":null})");
  std::string key;
  append_key_json(key, thing(), row);
  EXPECT_EQ(key, R"({"source":"a\"b","account":"한","id":-9223372036854775808,"on":"2011-01-05"})");
  const auto text = [&](const char* field) {
    const auto n = static_cast<size_t>(thing().field_index(field));
    return value_text(thing().fields[n], row[n]);
  };
  EXPECT_EQ(text("source"), "a\"b");
  EXPECT_EQ(text("on"), "2011-01-05");
  EXPECT_EQ(text("price"), "-1566.23");
  EXPECT_EQ(text("note"), "");
}

TEST(Row, RequiredFieldsAreAskedFor) {
  RowBuilder builder(thing());
  EXPECT_EQ(builder.first_missing(), 0);
  for (const int k : thing().key) builder.set_text(k, "x");
  EXPECT_EQ(builder.first_missing(), -1);
  builder.clear();
  EXPECT_EQ(builder.first_missing(), 0);
}

TEST(Varint, AnyNumberIsReadBack) {
  EXPECT_TRUE(rc::check([](uint64_t n, int64_t z) {
    std::string out;
    append_varint(out, n);
    append_varint(out, zigzag(z));
    std::string_view in = out;
    uint64_t back = 0;
    RC_ASSERT(read_varint(in, back) && back == n);
    RC_ASSERT(read_varint(in, back) && unzigzag(back) == z);
    RC_ASSERT(in.empty() && !read_varint(in, back));
  }));
}

}  // namespace
}  // namespace sujip
