// Requests, pages, retries and budgets against a made-up vendor: no network, no clock.
#include <gmock/gmock.h>

#include <functional>

#include "producers/engine/error_handler.h"
#include "producers/engine/manifest.h"
#include "producers/engine/rate_limit.h"
#include "producers/engine/stream_set.h"

using namespace sujip;
using namespace sujip::engine;

namespace {

struct FakePace : Pace {
  int64_t now = 1'000'000;
  std::vector<int64_t> waits;
  int64_t steady_ms() override { return now; }
  TimeMs wall_ms() override { return now; }
  bool wait(int64_t ms) override {
    waits.push_back(ms);
    now += ms;
    return true;
  }
};

struct FakeVendor : HttpTransport {
  std::function<HttpResponse(const HttpRequest&, size_t)> answer;
  std::vector<HttpRequest> asked;
  HttpAnswer send(const HttpRequest& request) override {
    asked.push_back(request);
    HttpAnswer out;
    out.response = answer(request, asked.size());
    out.response.url = request.url;
    return out;
  }
};

class EngineRequests : public testing::Test {
 protected:
  Got<Records> read(const std::string& paginator, const std::string& errors = "{}") {
    const std::string yaml = R"(
version: 6.0.0
streams:
  - name: items
    retriever:
      requester:
        url_base: "https://api.example.com"
        path: items
        authenticator: {type: BearerAuthenticator, api_token: "{{ config['token'] }}"}
        error_handler: )" + errors +
                             R"(
      record_selector:
        extractor: {field_path: [data]}
        record_filter: {condition: "{{ record['id'] != 2 }}"}
      paginator: )" + paginator +
                             "\n";
    auto manifest = Manifest::parse(yaml, "m.yaml");
    EXPECT_TRUE(manifest.ok()) << manifest.error().message();
    manifest_ = std::move(manifest).value();
    StreamSet set(manifest_);
    auto stream = set.stream("items");
    EXPECT_TRUE(stream.ok()) << stream.error().message();
    Session session;
    session.source = "test";
    session.config.mutable_object().set("token", Value("token-that-is-secret"));
    session.http = &vendor_;
    session.limits = &limits_;
    session.pace = &pace_;
    return (*stream)->read(session, Slice{});
  }
  static HttpResponse page(const std::string& body) { return {200, {}, body, ""}; }

  FakeVendor vendor_;
  FakePace pace_;
  RateLimits limits_;
  Manifest manifest_;
};

const std::string kPages =
    "{type: DefaultPaginator, page_size_option: {inject_into: "
    "request_parameter, field_name: limit}, page_token_option: {type: RequestOption, inject_into: "
    "request_parameter, field_name: page}, pagination_strategy: {type: PageIncrement, page_size: 2}}";
const std::string kCursor =
    "{type: DefaultPaginator, page_token_option: {type: RequestOption, "
    "inject_into: request_parameter, field_name: after}, pagination_strategy: {type: "
    "CursorPagination, cursor_value: \"{{ response.get('next') }}\"}}";

TEST_F(EngineRequests, PagesCountRecordsBeforeTheFilter) {
  vendor_.answer = [](const HttpRequest&, size_t n) {
    return page(n == 1 ? R"({"data":[{"id":1},{"id":2}]})" : R"({"data":[{"id":3}]})");
  };
  const auto records = read(kPages);
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records.value().size(), 2u);  // id 2 is filtered out, and ends no paging
  ASSERT_EQ(vendor_.asked.size(), 2u);
  EXPECT_EQ(vendor_.asked[0].url, "https://api.example.com/items?limit=2");
  EXPECT_THAT(vendor_.asked[1].url, testing::HasSubstr("page=1"));
}

TEST_F(EngineRequests, ARepeatedPageFailsTheSlice) {
  vendor_.answer = [](const HttpRequest&, size_t) { return page(R"({"data":[{"id":1},{"id":3}]})"); };
  const auto records = read(kPages);
  ASSERT_FALSE(records.ok());
  EXPECT_EQ(records.error().kind, "paging");
}

TEST_F(EngineRequests, ARepeatedTokenFailsTheSlice) {
  vendor_.answer = [](const HttpRequest&, size_t n) {
    return page("{\"next\":\"same\",\"data\":[{\"id\":" + std::to_string(n + 10) + "}]}");
  };
  const auto records = read(kCursor);
  ASSERT_FALSE(records.ok());
  EXPECT_EQ(records.error().kind, "paging");
  EXPECT_EQ(vendor_.asked.size(), 2u);
}

TEST_F(EngineRequests, RetriesWithBackoffAndGivesUp) {
  vendor_.answer = [](const HttpRequest&, size_t) { return HttpResponse{500, {}, "<html>", ""}; };
  const auto records = read("{type: NoPagination}",
                            "{max_retries: 2, backoff_strategies: [{type: "
                            "ConstantBackoffStrategy, backoff_time_in_seconds: 4}]}");
  ASSERT_FALSE(records.ok());
  EXPECT_EQ(vendor_.asked.size(), 3u);
  ASSERT_EQ(pace_.waits.size(), 2u);
  for (const int64_t wait : pace_.waits) {
    EXPECT_GE(wait, 3000);
    EXPECT_LE(wait, 5000);
  }
}

TEST_F(EngineRequests, FiltersDecideAndNoSentHeaderComesBack) {
  vendor_.answer = [](const HttpRequest&, size_t) {
    return HttpResponse{400, {}, R"({"code":7,"message":"bad Bearer token-that-is-secret"})", ""};
  };
  const auto records = read("{type: NoPagination}",
                            "{response_filters: [{predicate: \"{{ response['code'] == 7 }}\", "
                            "action: FAIL, $parameters: {error_class: not_ready}}]}");
  ASSERT_FALSE(records.ok());
  EXPECT_EQ(records.error().kind, "not_ready");
  EXPECT_THAT(records.error().error.message(), testing::Not(testing::HasSubstr("is-secret")));
  EXPECT_EQ(vendor_.asked.size(), 1u);
}

TEST(EngineLimits, AWindowHoldsForEachBucketAlone) {
  RateLimits limits;
  limits.add({{{2, 1000}}, "", "/a"});
  EXPECT_EQ(limits.take("x", "GET", "/a/1", 5000), 0);
  EXPECT_EQ(limits.take("x", "GET", "/a/2", 5200), 0);
  EXPECT_EQ(limits.take("x", "GET", "/a/3", 5300), 700);
  EXPECT_EQ(limits.take("y", "GET", "/a/3", 5300), 0);
  EXPECT_EQ(limits.take("x", "GET", "/b", 5300), 0);
  EXPECT_EQ(limits.take("x", "GET", "/a/3", 6000), 0);
  limits.pause("x", 9000);
  EXPECT_EQ(limits.take("x", "GET", "/b", 8000), 1000);
}

TEST(EngineLimits, JitterStaysWithinAQuarter) {
  for (uint64_t i = 0; i < 1000; ++i) {
    const int64_t wait = with_jitter(1000, i * 0x9e3779b97f4a7c15ULL);
    EXPECT_GE(wait, 750);
    EXPECT_LE(wait, 1250);
  }
}

TEST(EngineSecrets, PrintAsStars) {
  const Secret secret("hunter2hunter2");
  EXPECT_EQ(fmt::format("{}", secret), "***");
  Redactor redactor;
  redactor.add(secret);
  EXPECT_EQ(redactor.clean("x hunter2hunter2 y"), "x *** y");
}

}  // namespace
