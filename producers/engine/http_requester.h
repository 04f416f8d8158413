#pragma once
// HttpRequester: one request to the vendor, signed, within the budget, tried again as the error handler
// says. Each attempt is signed anew.

#include "producers/engine/components.h"
#include "producers/engine/text.h"

namespace sujip::engine {

class HttpRequester {
 public:
  // `budget_by`: header whose value separates the budgets; empty = one budget for the source.
  static Result<std::unique_ptr<HttpRequester>> build(const Node& node, std::string stream, std::string budget_by);

  // What the manifest says about the request for this slice.
  Got<RequestParts> parts(const Session& session, const Slice& slice) const;
  // `path` instead of the manifest's (natives).
  Got<RequestParts> parts_for(const Session& session, const Slice& slice, const std::string& method,
                              const std::string& path) const;

  struct Reply {
    HttpResponse response;
    bool ignored = false;  // an error the connector says to pass over: no records
  };
  Got<Reply> send(Session& session, const Slice& slice, const RequestParts& parts) const;

 private:
  Got<std::string> base(const Session& session, const Slice& slice) const;

  std::string stream_, budget_by_;
  std::optional<Text> url_, path_;
  std::string method_ = "GET";
  std::vector<std::pair<std::string, Text>> query_, headers_;
  std::vector<std::pair<std::string, Text>> body_json_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<ErrorHandler> errors_;
};

}  // namespace sujip::engine
