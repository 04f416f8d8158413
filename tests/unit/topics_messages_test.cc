#include <gtest/gtest.h>

#include <simdjson.h>

#include "topics/messages.h"

namespace sujip {
namespace {

const RunId kRun{1294200000000, 0x12d5};

using Json = simdjson::simdjson_result<simdjson::dom::element>;

std::string text(Json value) {
  std::string_view out;
  return value.get(out) ? "no text" : std::string(out);
}
std::string raw(Json value) {
  simdjson::dom::element out;
  return value.get(out) ? "nothing" : simdjson::minify(out);
}

template <class T>
std::string problem(const Result<T>& result) {
  return result.ok() ? "" : result.error().message();
}

TEST(Messages, BeginIsReadBack) {
  for (const bool guarded : {true, false}) {
    Begin v{kRun, 5, 6, std::nullopt, !guarded};
    if (guarded) v.guard = Guard{0.25, 0.75, 7};
    const auto back = decode_begin(encode(v, "a/b/c"));
    ASSERT_TRUE(back.ok()) << problem(back);
    EXPECT_EQ(back->run, kRun);
    EXPECT_EQ(back->snapshot_at, 5);
    EXPECT_EQ(back->partitions, 6);
    EXPECT_EQ(back->accept_empty, !guarded);
    ASSERT_EQ(back->guard.has_value(), guarded);
    if (guarded) {
      EXPECT_EQ(back->guard->deleted_share, 0.25);
      EXPECT_EQ(back->guard->zeroed_share, 0.75);
      EXPECT_EQ(back->guard->min_rows, 7);
    }
  }
}

TEST(Messages, EndSameAndVerdictAreReadBack) {
  const auto end = decode_end(encode(End{kRun, 3, 18, "h\"1"}));
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->rows, 3);
  EXPECT_EQ(end->total, 18);
  EXPECT_EQ(end->hash, "h\"1");
  const auto same = decode_same(encode(Same{kRun, 5, 18, "h", 6}));
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->run, kRun);
  EXPECT_EQ(same->snapshot_at, 5);
  EXPECT_EQ(same->rows, 18);
  EXPECT_EQ(same->partitions, 6);
  for (const Decision d :
       {Decision::accept, Decision::accept_partial, Decision::hold, Decision::reject, Decision::release}) {
    const auto verdict = decode_verdict(encode(Verdict{kRun, d, "user:kim", "look,\n\"here\""}));
    ASSERT_TRUE(verdict.ok());
    EXPECT_EQ(verdict->decision, d);
    EXPECT_EQ(verdict->by, "user:kim");
    EXPECT_EQ(verdict->reason, "look,\n\"here\"");
  }
}

TEST(Messages, TallyAndScopeRunAreReadBack) {
  Tally t;
  t.subject = "s/a/product/CPU";
  t.run = kRun;
  t.topic = "raw.catalog";
  t.partition = 4;
  t.partitions = 6;
  t.outcome = Outcome::held;
  t.counts = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  t.guard = Guard{0.5, 0.25, 3};
  t.accept_empty = true;
  t.reason = "because";
  t.by = "user:lee";
  const auto back = decode_tally(encode(t));
  ASSERT_TRUE(back.ok()) << problem(back);
  EXPECT_EQ(encode(*back), encode(t));
  EXPECT_EQ(back->counts, t.counts);

  ScopeRun run;
  run.scope = {"s", "a", "product", "CPU"};
  run.run = kRun;
  run.topic = t.topic;
  run.partitions = 6;
  run.outcome = Outcome::held;
  run.reason = "because";
  run.by = "user:lee";
  run.tallies[4] = t;
  t.partition = 5;
  run.tallies[5] = t;
  const auto again = decode_scope_run(encode(run));
  ASSERT_TRUE(again.ok()) << problem(again);
  EXPECT_EQ(encode(*again), encode(run));
  EXPECT_EQ(again->counts(), (Counts{2, 4, 6, 8, 10, 12, 14, 16, 18, 20}));
  EXPECT_EQ(run.key(), "s/a/product/CPU\n" + kRun.str());
  for (const char* name :
       {"pending", "accepted", "held", "released", "rejected", "overtaken", "old", "incomplete", "partial", "same"})
    EXPECT_EQ(name_of(*parse_outcome(name)), name);
  EXPECT_FALSE(parse_outcome("maybe"));
}

TEST(Messages, ProblemsSayWhichField) {
  EXPECT_NE(problem(decode_begin("{}")).find("run '' is not a run id"), std::string::npos);
  EXPECT_NE(problem(decode_begin("[]")).find("not a JSON object"), std::string::npos);
  EXPECT_NE(problem(decode_end("{\"run\":\"x\"}")).find("run 'x' is not a run id"), std::string::npos);
  EXPECT_NE(problem(decode_end("{\"run\":\"" + kRun.str() + "\",\"rows\":\"3\"}")).find("rows is not a number"),
            std::string::npos);
  EXPECT_NE(problem(decode_verdict("{\"run\":\"" + kRun.str() + "\",\"verdict\":\"maybe\"}"))
                .find("'maybe' is none of accept, accept_partial, hold, reject, release"),
            std::string::npos);
  EXPECT_NE(problem(decode_tally("{\"run\":\"" + kRun.str() + "\"}")).find("outcome '' is not known"),
            std::string::npos);
  EXPECT_FALSE(decode_same("").ok());
  EXPECT_FALSE(decode_scope_run("{").ok());
}

TEST(Messages, RunLogAndDeadLetterAreJsonWhateverTheyHold) {
  RunLog log;
  log.scope = {"s", "a", "product", ""};
  log.stage = "collect";
  log.state = "failed";
  log.message = "line 1\n\"quoted\"\t\\";
  log.ts_ms = 7;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  ASSERT_FALSE(parser.parse(encode(log)).get(root));
  EXPECT_EQ(text(root["message"]), log.message);
  EXPECT_EQ(text(root["scope"]), "s/a/product");
  EXPECT_EQ(raw(root["attempt"]), "1");

  DeadLetter letter;
  letter.topic = "raw.order";
  letter.partition = 3;
  letter.offset = 42;
  letter.reason = "field \"x\"";
  letter.key = std::string_view("\0\xff", 2);
  letter.value = "{";
  letter.headers = {{"ce_run", "r"}};
  EXPECT_EQ(letter.record_key(), "raw.order-3-42");
  ASSERT_FALSE(parser.parse(encode(letter)).get(root));
  EXPECT_EQ(text(root["key_base64"]), "AP8=");
  EXPECT_EQ(text(root["value_base64"]), "ew==");
  EXPECT_EQ(text(root["headers"]["ce_run"]), "r");
}

// RFC 4648, section 10.
TEST(Base64, KnownValues) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace sujip
