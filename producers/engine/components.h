#pragma once
// The interfaces of the engine's components. One file each implements them; build.cc makes them from a
// manifest.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/http/url.h"
#include "producers/engine/session.h"

namespace sujip::engine {

// A request being put together. Options of the same name from two components are an error.
struct RequestParts {
  std::string method = "GET";
  std::string url;  // without the options below
  std::vector<std::pair<std::string, std::string>> query;
  HttpHeaders headers;
  Object body_json;
  bool url_is_final = false;  // a vendor's own link: the query is sent exactly as given

  Status add_query(const std::string& name, std::string value);
  Status add_header(const std::string& name, std::string value);
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Called for each attempt, right before it is sent.
  virtual Got<Done> sign(Session& session, const Slice& slice, const std::string& method, const Url& url,
                         HttpHeaders& headers) = 0;
};

// What to do with an answer.
struct Verdict {
  enum class Action : uint8_t { success, ignore, retry, rate_limited, fail };
  Action action = Action::success;
  Failure failure;  // for everything but success
};

class ErrorHandler {
 public:
  virtual ~ErrorHandler() = default;
  // nullopt: no rule of this handler speaks about the answer.
  virtual Got<Verdict> judge(const Session& session, const Slice& slice, const HttpAnswer& answer,
                             const Value& body) = 0;
  // Milliseconds to wait before attempt n+1 (n from 1), without jitter.
  virtual Got<int64_t> backoff_ms(const Session& session, int attempt, const HttpAnswer& answer) = 0;
  virtual int max_retries(const Session& session) const = 0;
};

// The pages of one slice. A paginator is made anew for each slice by start().
struct Page {
  const Value& response;  // first body
  const HttpHeaders& headers;
  size_t extracted = 0;  // records before the filter
  const Value& last_record;
};
class Paginator {
 public:
  virtual ~Paginator() = default;
  virtual Value first_token(const Session& session) const = 0;  // undefined: none
  // The token after this page; undefined or null: no more pages.
  virtual Got<Value> next_token(const Session& session, const Slice& slice, const Page& page,
                                const Value& token) const = 0;
  // Puts page size and token into the request.
  virtual Got<Done> apply(const Session& session, const Slice& slice, const Value& token,
                          RequestParts& parts) const = 0;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // The bodies of an answer.
  virtual Got<std::vector<Value>> decode(const HttpResponse& response) const = 0;
};

class Transformation {
 public:
  virtual ~Transformation() = default;
  virtual Got<Done> apply(const Session& session, const Slice& slice, Value& record) const = 0;
};

class PartitionRouter {
 public:
  virtual ~PartitionRouter() = default;
  virtual Got<std::vector<Value>> partitions(Session& session) = 0;
  virtual Got<Done> apply(const Session&, const Slice&, RequestParts&) const { return Done{}; }
};

class Retriever {
 public:
  virtual ~Retriever() = default;
  // Slices of this partition that will be read soon: reports may be ordered ahead.
  virtual Got<Done> announce(Session&, std::span<const Slice>) { return Done{}; }
  // All records of a slice, or why not: never a part of them.
  virtual Got<Records> read(Session& session, const Slice& slice) = 0;
  virtual PartitionRouter* router() const { return nullptr; }
};

class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual Got<std::vector<Slice>> slices(const Session& session, const Value& partition) const = 0;
  virtual Got<Done> apply(const Session&, const Slice&, RequestParts&) const { return Done{}; }
};

class Stream {
 public:
  std::string name;
  std::shared_ptr<Retriever> retriever;
  std::shared_ptr<Cursor> cursor;
  std::vector<std::unique_ptr<Transformation>> transformations;

  Got<std::vector<Value>> partitions(Session& session) const;
  // One slice without an interval when the stream has no cursor.
  Got<std::vector<Slice>> slices(const Session& session, const Value& partition) const;
  Got<Records> read(Session& session, const Slice& slice) const;
  // As read, but each slice is asked for once per session and forget().
  Got<std::shared_ptr<const Records>> read_shared(Session& session, const Slice& slice) const;
};

}  // namespace sujip::engine
