#include "producers/engine/stream_set.h"

#include "producers/engine/datetime_cursor.h"
#include "producers/engine/decoder.h"
#include "producers/engine/naver_searchad.h"
#include "producers/engine/paginator.h"
#include "producers/engine/simple_retriever.h"

namespace sujip::engine {

StreamSet::StreamSet(const Manifest& manifest) : manifest_(manifest) {
  if (const Node* own = manifest.sujip()) budget_by_ = own->text_of("budget_by");
}

Result<std::shared_ptr<Stream>> StreamSet::stream(const std::string& name) {
  const StreamDeclaration* declared = manifest_.stream(name);
  if (declared == nullptr) return Error{"there is no stream '" + name + "'", manifest_.file, ""};
  if (!declared->blocked.empty()) return declared->blocked.front();
  return make(declared->node);
}

Result<std::shared_ptr<Stream>> StreamSet::make(const Node& node) {
  const std::string name = node.text_of("name");
  if (const auto it = made_.find(name); !name.empty() && it != made_.end()) return it->second;
  auto stream = std::make_shared<Stream>();
  stream->name = name;
  SUJIP_TRY(auto cursor, build_cursor(node.find("incremental_sync")));
  stream->cursor = std::move(cursor);
  SUJIP_TRY(stream->retriever, make_retriever(*node.find("retriever"), *stream));
  if (const Node* transformations = node.find("transformations"))
    for (const Node& declared : transformations->items) {
      SUJIP_TRY(auto transformation, build_transformation(declared));
      stream->transformations.push_back(std::move(transformation));
    }
  if (!name.empty()) made_.emplace(name, stream);
  return stream;
}

Result<std::shared_ptr<Retriever>> StreamSet::make_retriever(const Node& node, const Stream& stream) {
  const StreamMaker maker = [this](const Node& declared) { return make(declared); };
  if (node.text_of("type") == "CustomRetriever") {
    const std::string name = node.text_of("class_name");
    if (name == "native.naver_searchad.StatReport")
      return naver_searchad::build_stat_report(node, stream.name, budget_by_, maker);
    if (name == "native.naver_searchad.AccountStatus") return naver_searchad::build_account_status(node, maker);
    if (name == "native.naver_searchad.KeywordRows") return naver_searchad::build_report_rows(node, true, maker);
    if (name == "native.naver_searchad.PerformanceRows") return naver_searchad::build_report_rows(node, false, maker);
    return node.error("not supported: class_name " + name);
  }
  auto out = std::make_shared<SimpleRetriever>();
  out->stream = stream.name;
  out->cursor = stream.cursor;
  SUJIP_TRY(out->requester, HttpRequester::build(*node.find("requester"), stream.name, budget_by_));
  SUJIP_TRY(out->selector, RecordSelector::build(*node.find("record_selector")));
  SUJIP_TRY(out->paginator, build_paginator(node.find("paginator")));
  const Node* decoder = node.find("decoder");
  if (decoder == nullptr) decoder = node.find("record_selector")->find("extractor")->find("decoder");
  SUJIP_TRY(out->decoder, build_decoder(decoder));
  SUJIP_TRY(out->partition_router, build_router(node.find("partition_router"), maker));
  return std::shared_ptr<Retriever>(std::move(out));
}

}  // namespace sujip::engine
