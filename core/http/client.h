#pragma once
// HTTP/1.1 towards vendors: blocking calls with a deadline on everything, over a small pool of kept
// connections (libcurl). Safe to use from many threads: each call has a connection of its own. A request
// on a kept connection that the peer closed before a byte of its answer goes out once more.
// Proxies are taken from the environment (https_proxy, no_proxy), but never for this machine.
//
// Messages name method, host and path. Never the query, a header or a body: these carry secrets.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sujip {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;
  std::string body;
  std::chrono::milliseconds timeout{30'000};  // the whole exchange, redirects included
  size_t max_body = size_t{256} << 20;        // bytes of an answer
  int max_redirects = 5;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
  std::string url;  // that answered, after redirects

  // The first header of that name, in any case; "" when there is none.
  std::string_view header(std::string_view name) const;
};

// Why there is no answer.
enum class HttpFailure { none, bad_url, resolve, connect, tls, timeout, reset, too_large, protocol };
std::string_view name_of(HttpFailure failure);

// An answer (any status), or the class of the failure with a message.
struct HttpAnswer {
  HttpResponse response;
  HttpFailure failure = HttpFailure::none;
  Error error;  // set when failure is not none
  bool ok() const { return failure == HttpFailure::none; }
};

// What the connector engine needs of HTTP; tests put their own in its place.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  virtual HttpAnswer send(const HttpRequest& request) = 0;
};

class HttpClient : public HttpTransport {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{10'000};  // name lookup, TCP and TLS
    std::chrono::milliseconds idle_timeout{30'000};     // kept connections older than this are closed
    size_t kept_connections = 64;
    const std::atomic<bool>* stop = nullptr;  // set: exchanges end with a failure within moments
    std::string user_agent = "sujip/0.1";
  };
  HttpClient();
  explicit HttpClient(const Options& options);
  ~HttpClient() override;

  // Redirects are followed; towards another origin only harmless headers go along.
  HttpAnswer send(const HttpRequest& request) override;

 private:
  struct Pool;
  HttpAnswer exchange(const HttpRequest& request, std::chrono::steady_clock::time_point deadline);
  std::unique_ptr<Pool> pool_;
};

// Header names compare without case.
bool same_header(std::string_view a, std::string_view b);

}  // namespace sujip
