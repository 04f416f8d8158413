#pragma once
// One connection to one origin. Internal to the client: Asio and Beast stay in connection.cc.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "core/http/client.h"
#include "core/http/url.h"

namespace sujip {

// Certificates and TLS settings, shared by all connections of a client.
class TlsContext {
 public:
  explicit TlsContext(const std::string& ca_file);
  ~TlsContext();
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

class HttpConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // `stop`, when given and set, breaks off what is going on.
  explicit HttpConnection(TlsContext& tls, const std::atomic<bool>* stop = nullptr);
  ~HttpConnection();

  HttpAnswer open(const Url& url, Deadline deadline);
  // `unanswered`: the peer closed before a byte of the answer came.
  HttpAnswer exchange(const HttpRequest& request, const Url& url, const std::string& user_agent,
                      Deadline deadline, bool& unanswered);
  bool keep_alive() const;  // after exchange: can be used again
  bool still_open();        // nothing came and nobody hung up while it was idle

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sujip
