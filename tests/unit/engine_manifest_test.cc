// Loading manifests: references, default types, parameters, and what isn't supported.
#include <gmock/gmock.h>

#include "producers/engine/engine.h"
#include "producers/engine/manifest.h"
#include "producers/engine/stream_set.h"

using namespace sujip;
using namespace sujip::engine;
using testing::HasSubstr;

namespace {

const std::string kHead = R"(
version: 6.0.0
definitions:
  requester: {url_base: "https://api.example.com/v1", error_handler: {max_retries: 2}}
)";

std::string stream(const std::string& rest) {
  return kHead + R"(
streams:
  - name: orders
    $parameters: {path: orders}
    retriever:
      requester: {$ref: "#/definitions/requester"}
      record_selector: {extractor: {field_path: [data]}}
)" + rest;
}

TEST(EngineManifest, FillsTypesReferencesAndParameters) {
  const auto manifest = Manifest::parse(stream(""), "m.yaml");
  ASSERT_TRUE(manifest.ok()) << manifest.error().message();
  const Node& node = manifest->streams.at(0).node;
  EXPECT_EQ(node.text_of("type"), "DeclarativeStream");
  const Node* requester = node.find("retriever")->find("requester");
  EXPECT_EQ(requester->text_of("type"), "HttpRequester");
  EXPECT_EQ(requester->text_of("path"), "orders");  // handed down into an empty field
  EXPECT_EQ(requester->find("error_handler")->text_of("type"), "DefaultErrorHandler");
  EXPECT_TRUE(manifest->streams[0].blocked.empty()) << manifest->streams[0].blocked[0].message();
  StreamSet set(*manifest);
  EXPECT_TRUE(set.stream("orders").ok());
}

TEST(EngineManifest, SaysWhatItCantRunWithFileAndLine) {
  const auto manifest = Manifest::parse(stream("      paginator: {type: DefaultPaginator, pagination_strategy: "
                                               "{type: OffsetIncrement, page_size: 2}}\n"),
                                        "m.yaml");
  ASSERT_TRUE(manifest.ok());
  ASSERT_FALSE(manifest->streams[0].blocked.empty());
  const std::string text = manifest->streams[0].blocked[0].message();
  EXPECT_THAT(text, HasSubstr("not supported: OffsetIncrement at "
                              "streams.orders.retriever.paginator.pagination_strategy"));
  EXPECT_THAT(text, HasSubstr("m.yaml:12"));
}

TEST(EngineManifest, RefusesDanglingAndCircularReferences) {
  for (const char* definitions : {"definitions: {a: {$ref: \"#/definitions/b\"}, b: {$ref: "
                                  "\"#/definitions/a\"}}\nstreams: [\"#/definitions/a\"]",
                                  "streams: [\"#/definitions/nothing\"]"}) {
    const auto manifest = Manifest::parse(definitions, "m.yaml");
    EXPECT_FALSE(manifest.ok()) << definitions;
  }
}

TEST(EngineManifest, EveryConnectorOfOursRunsCompletely) {
  const auto problems = check_connector(SUJIP_SOURCE_DIR, "naver_searchad");
  ASSERT_TRUE(problems.ok()) << problems.error().message();
  for (const Error& problem : *problems) ADD_FAILURE() << problem.message();
}

}  // namespace
