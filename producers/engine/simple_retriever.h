#pragma once
// SimpleRetriever: request, select, next page, until there is none. A slice is read whole or not at all.

#include "producers/engine/components.h"
#include "producers/engine/http_requester.h"
#include "producers/engine/record_selector.h"

namespace sujip::engine {

class SimpleRetriever : public Retriever {
 public:
  std::string stream;
  std::unique_ptr<HttpRequester> requester;
  std::unique_ptr<RecordSelector> selector;
  std::unique_ptr<Paginator> paginator;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<PartitionRouter> partition_router;
  std::shared_ptr<const Cursor> cursor;  // of the stream; its options go into requests

  Got<Records> read(Session& session, const Slice& slice) override;
  PartitionRouter* router() const override { return partition_router.get(); }
};

}  // namespace sujip::engine
