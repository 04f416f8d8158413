// The sink without a database: coalescing, decoding, escaping, the SQL it makes, fence decisions.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "core/postgres/connection.h"
#include "core/postgres/copy_text.h"
#include "sinks/postgres/batch.h"
#include "sinks/postgres/decode.h"
#include "sinks/postgres/loads.h"
#include "sinks/postgres/members.h"
#include "sinks/postgres/months.h"
#include "sinks/postgres/prepare.h"
#include "sinks/postgres/price_history.h"
#include "sinks/postgres/progress.h"
#include "sinks/postgres/rows.h"
#include "sinks/postgres/schema.h"
#include "sinks/postgres/tables.h"
#include "sinks/postgres/write_sql.h"

namespace sujip::sink {
namespace {

Dataset product() {
  auto dataset = load_dataset(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets/product.yaml");
  EXPECT_TRUE(dataset.ok());
  return *dataset;
}

Dataset order_item() {
  auto dataset = load_dataset(std::string(SUJIP_SOURCE_DIR) + "/topics/datasets/order_item.yaml");
  EXPECT_TRUE(dataset.ok());
  return *dataset;
}

std::string copied(std::string_view text) {
  std::string out;
  EXPECT_TRUE(pg::append_copy_text(out, text));
  return out;
}

// What PostgreSQL's COPY documentation says a field means.
std::string uncopied(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
  }
  return out;
}

TEST(CopyText, Escapes) {
  EXPECT_EQ(copied("a\tb\nc\rd\\e"), "a\\tb\\nc\\rd\\\\e");
  EXPECT_EQ(copied("상품 😀"), "상품 😀");
  EXPECT_EQ(copied("\\N"), "\\\\N");
  EXPECT_EQ(copied(""), "");
  std::string out = "kept";
  EXPECT_FALSE(pg::append_copy_text(out, std::string_view("a\0b", 3)));
  EXPECT_EQ(out, "kept");
}

TEST(CopyText, AnyTextComesBack) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (unsigned n = random() % 20; n > 0; --n) text += "\t\n\r\\Ntn가a\""[random() % 10];
    const std::string line = copied(text);
    EXPECT_EQ(line.find_first_of("\t\n\r"), std::string::npos);
    EXPECT_EQ(uncopied(line), text);
  }
}

TEST(Quoting, NamesAndTexts) {
  EXPECT_EQ(pg::quote_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(pg::quote_text("it's \\"), "'it''s \\'");
  EXPECT_EQ(pg::quote_text(std::string_view("a\0b", 3)), "'a'");
}

TEST(Password, IsNeverShown) {
  for (const char* uri : {"postgresql://me:hush@db:5432/x", "postgresql://me:hu@sh@db/x",
                          "host=db password=hush user=me", "host=db password = 'hu\\'sh x' user=me",
                          "postgresql://db/x?user=me&password=hush&a=b", "postgres://me:hush@db"}) {
    const std::string masked = pg::mask_password(uri);
    EXPECT_EQ(masked.find("hush"), std::string::npos) << masked;
    EXPECT_EQ(masked.find("sh@"), std::string::npos) << masked;
    EXPECT_EQ(masked.find("sh x"), std::string::npos) << masked;
    EXPECT_NE(masked.find("db"), std::string::npos) << masked;
    EXPECT_NE(masked.find("***"), std::string::npos) << masked;
  }
  EXPECT_EQ(pg::mask_password("postgresql://me@db/x"), "postgresql://me@db/x");
}

TEST(Trouble, ByState) {
  EXPECT_EQ(pg::trouble_of("22P02", true), pg::Trouble::data);
  EXPECT_EQ(pg::trouble_of("23505", true), pg::Trouble::data);
  EXPECT_EQ(pg::trouble_of("40P01", true), pg::Trouble::retry);
  EXPECT_EQ(pg::trouble_of("55P03", true), pg::Trouble::retry);
  EXPECT_EQ(pg::trouble_of("57P01", true), pg::Trouble::connection);
  EXPECT_EQ(pg::trouble_of("22P02", false), pg::Trouble::connection);
  EXPECT_EQ(pg::trouble_of("53100", true), pg::Trouble::environment);
  EXPECT_EQ(pg::trouble_of("42501", true), pg::Trouble::environment);
  EXPECT_EQ(pg::trouble_of("42P01", true), pg::Trouble::statement);
}

TEST(CopyText, FindsWhatNeedsEscaping) {
  std::mt19937 random(13);
  const std::string_view some[] = {"a", "가", "\x1f", "\x20", "\\", "\x7f", "\xff", "\x80", "[", "]"};
  for (int i = 0; i < 5000; ++i) {
    std::string text(random() % 12, 'x');
    for (unsigned n = random() % 12; n > 0; --n) text += some[random() % std::size(some)];
    const auto at = std::find_if(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\\'; });
    ASSERT_EQ(pg::clean_length(text), static_cast<size_t>(at - text.begin())) << text;
  }
}

TEST(Coalescer, LastOfEachKeyInOrder) {
  // Against a map that is obviously right.
  std::mt19937 random(11);
  std::vector<std::string> keys;
  for (int i = 0; i < 3000; ++i) {
    // Keys that begin alike, that end early, and that differ late.
    keys.push_back("{\"k\":\"" + std::string(random() % 12, 'x') + std::to_string(random() % 300) + "\"}");
  }
  Coalescer coalescer;
  std::map<std::string_view, uint32_t> expected;
  for (uint32_t i = 0; i < keys.size(); ++i) {
    const auto [entry, superseded] = coalescer.add(keys[i], i);
    const auto [at, fresh] = expected.try_emplace(keys[i], i);
    EXPECT_EQ(superseded, fresh ? Coalescer::kNone : at->second);
    EXPECT_EQ(entry->message, i);
    at->second = i;
  }
  const auto& entries = coalescer.sorted();
  ASSERT_EQ(entries.size(), expected.size());
  auto at = expected.begin();
  for (const auto& entry : entries) {
    EXPECT_EQ(entry.key, at->first);
    EXPECT_EQ(entry.message, at->second);
    ++at;
  }
}

TEST(Coalescer, SortsWhateverBytesKeysHold) {
  std::mt19937 random(17);
  std::set<std::string> keys = {"", std::string(40000, 'k'), std::string(40000, 'k') + "x"};
  for (int i = 0; i < 2000; ++i) {
    std::string key(random() % 3 * 8, 'k');
    for (unsigned n = random() % 10; n > 0; --n) key += std::string_view("\0\0\x01k\xff", 5)[random() % 5];
    keys.insert(key);
  }
  std::vector<std::string> shuffled(keys.begin(), keys.end());
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  Coalescer coalescer;
  for (uint32_t i = 0; i < shuffled.size(); ++i) coalescer.add(shuffled[i], i);
  std::vector<std::string> found;
  for (const auto& entry : coalescer.sorted()) {
    EXPECT_EQ(shuffled[entry.message], entry.key);
    found.emplace_back(entry.key);
  }
  EXPECT_TRUE(std::equal(found.begin(), found.end(), keys.begin(), keys.end()));
}

TEST(Coalescer, IsReusable) {
  Coalescer coalescer;
  EXPECT_TRUE(coalescer.sorted().empty());
  coalescer.add("b", 0);
  coalescer.add("a", 1);
  EXPECT_EQ(coalescer.sorted().front().key, "a");
  coalescer.clear();
  coalescer.add("b", 2);
  EXPECT_EQ(coalescer.add("b", 3).superseded, 2U);
  ASSERT_EQ(coalescer.sorted().size(), 1U);
  EXPECT_EQ(coalescer.sorted().front().message, 3U);
}

TEST(Removal, IsSeen) {
  EXPECT_TRUE(looks_like_removal({}));
  EXPECT_TRUE(looks_like_removal(R"({"after":null,"op":"d","ts_ms":1})"));
  EXPECT_FALSE(looks_like_removal(R"({"after":{},"op":"u","ts_ms":1})"));
}

Cell cell(const Table& table, const Decoder& decoder, std::string_view column) {
  return decoder.cells()[static_cast<size_t>(table.column_index(column))];
}

constexpr std::string_view kKey = R"({"source":"shop","account":"main","section":"CPU","product_code":"1\"가"})";

TEST(Decoder, Envelope) {
  const Table table = dataset_table(product());
  Decoder decoder(table);
  const std::string value =
      R"( {"before":{"source":"old","price":1},"after":{"source":"shop","account":"main","section":"CPU",)"
      R"("product_code":"1\"\uac00","name":"a\tb\\","price":99999999999999.0001 ,"price_text":null,)"
      R"("unknown":[1],"extra":{"a": [1,{"b":"}"}]}},"op":"u","ts_ms":1593936000001,)"
      R"("source":{"name":"shop","ts_ms":5,"run":"r1","rev":42,"minor":false}} )";
  const Decoded decoded = decoder.decode(kKey, value);
  ASSERT_EQ(decoded.kind, Kind::upsert) << decoded.problem;
  EXPECT_EQ(cell(table, decoder, "source").text, "shop");
  EXPECT_EQ(cell(table, decoder, "product_code").text, "1\"가");
  EXPECT_EQ(cell(table, decoder, "name").text, "a\tb\\");
  EXPECT_EQ(cell(table, decoder, "price").text, "99999999999999.0001");
  EXPECT_TRUE(cell(table, decoder, "price_text").null);
  EXPECT_TRUE(cell(table, decoder, "stock").null);
  EXPECT_EQ(cell(table, decoder, "extra").text, R"({"a": [1,{"b":"}"}]})");
  EXPECT_EQ(cell(table, decoder, "rev").text, "42");
  EXPECT_EQ(cell(table, decoder, "run").text, "r1");
  EXPECT_EQ(cell(table, decoder, "updated_at").text, "2020-07-05T08:00:00.001Z");
}

TEST(Decoder, RemovalsComeFromTheKey) {
  const Table table = dataset_table(product());
  Decoder decoder(table);
  for (const bool tombstone : {false, true}) {
    const std::string value = R"({"before":{"source":"x"},"after":null,"op":"d","ts_ms":1,"source":{"rev":7}})";
    const Decoded decoded = decoder.decode(kKey, tombstone ? std::string_view() : value);
    ASSERT_EQ(decoded.kind, Kind::remove) << decoded.problem;
    EXPECT_EQ(cell(table, decoder, "source").text, "shop");
    EXPECT_EQ(cell(table, decoder, "product_code").text, "1\"가");
    EXPECT_EQ(cell(table, decoder, "rev").text, tombstone ? "9223372036854775807" : "7");
  }
}

TEST(Decoder, SaysWhatIsWrong) {
  const Table table = dataset_table(product());
  Decoder decoder(table);
  const std::string row = R"("source":"s","account":"a","section":"c","product_code":"p")";
  const std::string rest = R"(,"op":"c","ts_ms":1,"source":{"rev":1}})";
  for (const std::string& value :
       {std::string("no json"), std::string(), std::string("[]"), std::string(R"({"before":null})"),
        R"({"after":{"source":"s"})" + rest, R"({"after":{)" + row + R"(,"name":"a\u0000b"})" + rest,
        R"({"after":{)" + row + "}" + rest + "x", R"({"after":{)" + row + "},\"op\":\"c\",\"ts_ms\":1}",
        R"({"after":{)" + row + R"(,"name":"cut)"}) {
    const Decoded decoded = decoder.decode(kKey, value);
    EXPECT_EQ(decoded.kind, Kind::bad) << value;
    EXPECT_FALSE(decoded.problem.empty()) << value;
  }
  EXPECT_EQ(decoder.decode(kKey, R"({"after":{)" + row + "}" + rest).kind, Kind::upsert);
}

TEST(Decoder, NumbersAreNumbers) {
  const Table table = dataset_table(product());
  Decoder decoder(table);
  const auto kind = [&](const std::string& price) {
    return decoder
        .decode(kKey, R"({"after":{"source":"s","account":"a","section":"c","product_code":"p","price":)" + price +
                          R"(},"op":"c","ts_ms":1,"source":{"rev":1}})")
        .kind;
  };
  for (const char* good : {"0", "-0", "-1.5", "10", "1e5", "1.25E-7", "0.0001 ", "123456789012345678901234567890"}) {
    EXPECT_EQ(kind(good), Kind::upsert) << good;
  }
  for (const char* bad : {"01", "-", "1.", "1e", "1e+", "-a", "1.2.3", "0x10", "1_000", "--1"}) {
    EXPECT_EQ(kind(bad), Kind::bad) << bad;
  }
}

TEST(Decoder, MemberNamesMayBeEscaped) {
  const Table table = dataset_table(product());
  Decoder decoder(table);
  const Decoded decoded =
      decoder.decode(kKey, R"({"after":{"source":"s","account":"a","section":"c","pr\u006fduct_code":"p","na\"me":"x",)"
                           R"("name":"y"},"op":"c","ts_ms":1,"source":{"rev":1}})");
  ASSERT_EQ(decoded.kind, Kind::upsert) << decoded.problem;
  EXPECT_EQ(cell(table, decoder, "product_code").text, "p");
  EXPECT_EQ(cell(table, decoder, "name").text, "y");
}

TEST(Decoder, NeedsAKey) {
  const Table table = dataset_table(product());
  Decoder decoder(table);
  const std::string value =
      R"({"after":{"source":"s","account":"a","section":"c","product_code":"p"},"ts_ms":1,"source":{"rev":1}})";
  EXPECT_EQ(decoder.decode({}, value).problem, "the record has no key");
  EXPECT_EQ(decoder.decode(kKey, value).kind, Kind::upsert);
}

TEST(Decoder, FlatRollup) {
  const Table table = rollup_table(order_item());
  Decoder decoder(table);
  const std::string key = R"({"grain":"all","period":"day","period_start":"2011-01-05","currency":"GBP"})";
  const Decoded decoded = decoder.decode(
      key, R"({"grain":"all","period":"day","period_start":"2011-01-05","currency":"GBP",)"
           R"("quantity":5176450,"amount":-1566.23,"orders":12,"accounts":1,"rows":2,"rev":3,"ts_ms":0})");
  ASSERT_EQ(decoded.kind, Kind::upsert) << decoded.problem;
  EXPECT_EQ(cell(table, decoder, "amount").text, "-1566.23");
  EXPECT_TRUE(cell(table, decoder, "source").null);
  EXPECT_TRUE(cell(table, decoder, "updated_at").null);
  EXPECT_EQ(decoder.decode(key, {}).kind, Kind::remove);
  EXPECT_TRUE(cell(table, decoder, "source").null);
}

TEST(Rows, LinesAndArrays) {
  Rows rows(2);
  for (int round = 0; round < 2; ++round) {
    rows.clear();
    rows.add(std::vector<Cell>{{"a\tb", false}, {{}, true}, {"not a column", false}}, {0});
    rows.add(std::vector<Cell>{{"", false}, {"say \"hi\" \\", false}}, {1});
    rows.add(std::vector<Cell>{{"plain", false, true}, {"가", false, true}}, {2});
    EXPECT_EQ(rows.lines(0, 2), "a\\tb\t\\N\n\tsay \"hi\" \\\\\n");
    EXPECT_EQ(rows.lines(2, 1), "plain\t가\n");
    const std::vector<uint32_t> some = {2, 1, 0};
    std::string array;
    rows.append_array(array, 1, some);
    EXPECT_EQ(array, R"({"가","say \"hi\" \\",NULL})");
    EXPECT_TRUE(rows.is_null(0, 1));
    EXPECT_EQ(rows.text(0, 0), "a\tb");
    EXPECT_EQ(rows.origin(2).message, 2U);
  }
}

TEST(Prices, EveryChangeOnce) {
  const auto change = [](const char* before, const char* after) {
    const auto side = [](const char* price) {
      return price == nullptr ? std::string("null")
                              : R"({"source":"s","account":"a","section":"c","product_code":"p","price":)" +
                                    std::string(price) + R"(,"price_text":null})";
    };
    return "{\"before\":" + side(before) + ",\"after\":" + side(after) +
           R"(,"op":"u","ts_ms":1593936000000,"source":{"run":"r","rev":3}})";
  };
  const Table table = with_prices_before(dataset_table(product()));
  const Table prices = price_history_table();
  Decoder decoder(table);
  PriceHistory history(table, prices);
  Rows rows(prices.columns.size());
  const auto add = [&](const std::string& value, uint32_t message) {
    const std::string key = R"({"source":"s","account":"a","section":"c","product_code":"p"})";
    if (decoder.decode(key, value).kind == Kind::upsert) history.add(decoder.cells(), {message}, rows);
  };
  add(change(nullptr, "10"), 0);  // the first price
  add(change("10", "10"), 1);     // something else changed
  add(change("10", "10.5"), 2);
  add(change("10.5", "null"), 3);
  add(change("10.5", nullptr), 4);  // deleted
  add(change(nullptr, "null"), 5);  // no price yet
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows.origin(0).message, 0U);
  EXPECT_TRUE(rows.is_null(0, 5));
  EXPECT_EQ(rows.text(0, 6), "10");
  EXPECT_EQ(rows.text(0, 4), "2020-07-05T08:00:00.000Z");
  EXPECT_EQ(rows.text(1, 5), "10");
  EXPECT_EQ(rows.text(1, 6), "10.5");
  EXPECT_TRUE(rows.is_null(2, 6));
  EXPECT_EQ(rows.text(2, 10), "3");
}

TEST(Fence, Decides) {
  const Move move{{"t", 1}, 5, 100, 200};
  const auto row = [](int64_t next, int64_t epoch) {
    return std::optional<ProgressRow>(ProgressRow{{"t", 1}, next, epoch, std::nullopt});
  };
  EXPECT_EQ(fate_of(move, row(200, 5)), Fate::committed);
  EXPECT_EQ(fate_of(move, row(100, 5)), Fate::not_committed);
  EXPECT_EQ(fate_of(move, row(200, 6)), Fate::fenced);
  EXPECT_EQ(fate_of(move, row(100, 6)), Fate::fenced);
  EXPECT_EQ(fate_of(move, row(150, 5)), Fate::fenced);
  EXPECT_EQ(fate_of(move, std::nullopt), Fate::fenced);
}

TEST(Members, SpreadEvenly) {
  for (size_t members = 1; members <= 4; ++members) {
    for (size_t writers = 1; writers <= 3; ++writers) {
      std::map<std::pair<size_t, size_t>, int> load;
      for (int32_t p = 0; p < 12; ++p) {
        const kafka::TopicPartition tp{"change.product", p};
        const size_t place = place_of(tp, members);
        const size_t writer = writer_of(tp, members, writers);
        ASSERT_LT(place, members);
        ASSERT_LT(writer, writers);
        ++load[{place, writer}];
      }
      for (const auto& [who, n] : load) {
        EXPECT_LE(n, static_cast<int>(12 / (members * writers)) + 1);
      }
    }
  }
}

TEST(Loads, PassWhenEveryPartitionDid) {
  const auto at = [](int32_t part, int64_t offset, const char* topic = "change.x") {
    return ProgressRow{{topic, part}, offset, 1, std::nullopt};
  };
  EXPECT_TRUE(has_passed({}, "change.x", {}));
  EXPECT_TRUE(has_passed({0, 0}, "change.x", {}));
  EXPECT_FALSE(has_passed({10, 0}, "change.x", {}));
  EXPECT_FALSE(has_passed({10, 20}, "change.x", {at(0, 10), at(1, 19)}));
  EXPECT_FALSE(has_passed({10, 20}, "change.x", {at(0, 10), at(1, 20, "change.y")}));
  EXPECT_TRUE(has_passed({10, 20}, "change.x", {at(0, 11), at(1, 20), at(2, 0)}));
}

TEST(Schema, OnlyGrows) {
  const Table table = dataset_table(product());
  std::vector<ExistingColumn> existing;
  for (const Column& column : table.columns) existing.push_back({column.name, column.type});
  existing.push_back({"of_a_person", "uuid"});
  auto missing = missing_columns(table, existing);
  ASSERT_TRUE(missing.ok());
  EXPECT_TRUE(missing->empty());

  std::erase_if(existing, [](const auto& c) { return c.name == "stock"; });
  missing = missing_columns(table, existing);
  ASSERT_TRUE(missing.ok());
  ASSERT_EQ(missing->size(), 1U);
  EXPECT_EQ(add_column_sql(table, missing->front()),
            "alter table sujip.\"product\" add column if not exists \"stock\" bigint");

  for (ExistingColumn& column : existing) {
    if (column.name == "price") column.type = "numeric(12,2)";
  }
  EXPECT_TRUE(missing_columns(table, existing).ok());
  for (ExistingColumn& column : existing) {
    if (column.name == "price") column.type = "text";
  }
  missing = missing_columns(table, existing);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message().find("price is text in the table and numeric"), std::string::npos);
}

TEST(Sql, OfADataset) {
  Table table;
  table.name = "t";
  table.columns = {{.name = "k", .type = "text", .field = "k", .required = true, .ko = {}, .en = {}},
                   {.name = "v", .type = "numeric", .field = "v", .ko = {}, .en = {}},
                   {.name = "rev", .type = "bigint", .field = "rev", .ko = {}, .en = {}}};
  table.key = {0};
  table.revision = 2;
  EXPECT_EQ(create_sql(table),
            "create table if not exists sujip.\"t\" (\"k\" text not null, \"v\" numeric, \"rev\" bigint, "
            "primary key (\"k\")) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)");
  EXPECT_EQ(upsert_arrays_sql(table, Meet::insert),
            "insert into sujip.\"t\" as t (\"k\", \"v\", \"rev\") select \"k\", \"v\", \"rev\" from "
            "unnest($1::text[], $2::numeric[], $3::bigint[]) as b (\"k\", \"v\", \"rev\") on conflict "
            "(\"k\") do update set \"v\" = excluded.\"v\", \"rev\" = excluded.\"rev\" "
            "where t.\"rev\" < excluded.\"rev\"");
  EXPECT_EQ(upsert_batch_sql(table, Meet::merge),
            "merge into sujip.\"t\" as t using \"batch_t_3\" as b on t.\"k\" = b.\"k\" "
            "when matched and (t.\"rev\" < b.\"rev\") then update set \"v\" = b.\"v\", \"rev\" = b.\"rev\" "
            "when not matched then insert (\"k\", \"v\", \"rev\") values (b.\"k\", b.\"v\", b.\"rev\")");
  EXPECT_EQ(remove_sql(table, 0),
            "delete from sujip.\"t\" as t using unnest($1::text[], $2::bigint[]) as b (\"k\", \"rev\") "
            "where t.\"k\" = b.\"k\" and t.\"rev\" <= b.\"rev\"");
  EXPECT_EQ(remove_sql(table, 1),
            "delete from sujip.\"t\" as t using unnest($1::bigint[]) as b (\"rev\") "
            "where t.\"k\" is null and t.\"rev\" <= b.\"rev\"");
  EXPECT_EQ(best_meet(table, 150004), Meet::merge);
  EXPECT_EQ(best_meet(table, 140010), Meet::insert);
  table.conflict = Conflict::keep;
  EXPECT_EQ(best_meet(table, 150004), Meet::insert);
  EXPECT_TRUE(upsert_arrays_sql(table, Meet::insert).ends_with("do nothing"));
}

TEST(Months, OfRowsAreThoseOfTheirDates) {
  Rows rows(2);
  const auto add = [&](std::string_view date, bool plain) {
    const Cell cells[] = {{"k", false, true}, date.empty() ? Cell() : Cell{date, false, plain}};
    rows.add(cells, {0});
  };
  add("2024-02-31", true);  // the month has no such day, and another row of it comes
  add("2024-02-05", true);
  add("2024-02-06", false);
  add("2023-12-31", true);
  add("", true);
  add("infinity", true);
  add("2024-13-01", true);
  add("2\t024-01-01", false);
  add("0001-01-01", true);
  add("9999-12-31", true);
  const std::map<std::string, std::string> expected = {
      {"0001-01", "0001-01-01"}, {"2023-12", "2023-12-31"}, {"2024-02", "2024-02-05"}, {"9999-12", "9999-12-31"}};
  EXPECT_EQ(months_of(rows, 1), expected);
}

TEST(Sql, OfATableByMonth) {
  const Table table = dataset_table(order_item());
  ASSERT_TRUE(table.by_month);
  EXPECT_EQ(table.columns[static_cast<size_t>(table.date)].name, "order_date");
  EXPECT_TRUE(create_sql(table).ends_with(
      "primary key (\"source\", \"account\", \"order_date\", \"order_no\", \"line_id\")) partition by range (\"order_date\")"));
  EXPECT_EQ(dataset_table(product()).date, -1);
}

TEST(Daily, OfDatasetsWhoseScopeIsADay) {
  const Table table = rollup_table(order_item());
  ASSERT_TRUE(table.daily.has_value());
  EXPECT_EQ(table.daily->dataset, "order_item");
  EXPECT_EQ(table.daily->grain, "account");
  EXPECT_EQ(table.daily->measures, (std::vector<std::string>{"quantity", "amount", "orders"}));
  EXPECT_FALSE(dataset_table(order_item()).daily.has_value());
  Dataset other = order_item();
  std::erase_if(other.rollups, [](const RollupSet& set) { return set.grain == "account"; });
  EXPECT_FALSE(rollup_table(other).daily.has_value());
}

TEST(Preview, IsAlwaysValidText) {
  EXPECT_EQ(preview("가나다", 4), "가나");
  EXPECT_EQ(preview(std::string_view("a\0b\xff\xed\xa0\x80", 7), 100), "a?b????");
  EXPECT_EQ(unbase64("6rCA"), "가");
  EXPECT_EQ(unbase64("YQ=="), "a");
}

}  // namespace
}  // namespace sujip::sink
