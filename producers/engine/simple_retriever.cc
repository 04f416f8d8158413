#include "producers/engine/simple_retriever.h"

#include <set>

namespace sujip::engine {

Got<Records> SimpleRetriever::read(Session& session, const Slice& slice) {
  Records records;
  std::set<std::string> tokens;
  std::set<std::string> bodies;
  Value token = paginator->first_token(session);
  for (int page_number = 1;; ++page_number) {
    if (page_number > session.max_pages)
      return Failure("paging", {"more than " + std::to_string(session.max_pages) + " pages", stream,
                                "is the stop condition of the paginator right?"});
    SUJIP_TRY(RequestParts parts, requester->parts(session, slice));
    if (partition_router) {
      SUJIP_TRY([[maybe_unused]] const Done routed, partition_router->apply(session, slice, parts));
    }
    if (cursor) {
      SUJIP_TRY([[maybe_unused]] const Done sliced, cursor->apply(session, slice, parts));
    }
    SUJIP_TRY([[maybe_unused]] const Done paged, paginator->apply(session, slice, token, parts));
    SUJIP_TRY(const HttpRequester::Reply reply, requester->send(session, slice, parts));
    if (reply.ignored) break;
    SUJIP_TRY(const std::vector<Value> answer, decoder->decode(reply.response));

    size_t extracted = 0;
    Value last;
    for (const Value& body : answer) {
      SUJIP_TRY([[maybe_unused]] const Done selected, selector->select(session, slice, body, records, extracted, last));
    }
    if (records.size() > session.max_records)
      return Failure("too_large", {"more than " + std::to_string(session.max_records) + " records", stream,
                                   "cut the stream into smaller slices"});
    // The same records twice: the vendor turns in circles, or shifted its pages under us.
    if (extracted > 0 && !bodies.insert(reply.response.body).second)
      return Failure("paging", {"page " + std::to_string(page_number) + " repeats an earlier page", stream,
                                "collect again; when it stays, the paginator is wrong"});
    const Value first = answer.empty() ? Value(Object{}) : answer.front();
    const Page page{first, reply.response.headers, extracted, last};
    SUJIP_TRY(token, paginator->next_token(session, slice, page, token));
    if (token.is_missing()) break;
    if (!tokens.insert(to_json(token)).second)
      return Failure("paging", {"the next page's token came a second time", stream,
                                "collect again; when it stays, the paginator is wrong"});
  }
  return records;
}

}  // namespace sujip::engine
