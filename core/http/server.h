#pragma once
// A small HTTP/1.1 server for pages, metrics and server-sent events. Loopback by default: nothing here
// knows users or TLS, so a public address belongs behind a reverse proxy that does.
//
// Handlers run on the server's threads and may run at the same time. A handler that throws is answered
// with 500; the exception's text goes to the log, not to the client.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sujip::http {

// Sends events to every browser that listens. Keeps the newest one, so that a browser that was away
// (its Last-Event-ID is another one) gets it at once. Safe from any thread; outlives its server.
class EventHub {
 public:
  EventHub();
  ~EventHub();
  // `id` must be one line; `data` may have several.
  void publish(const std::string& id, const std::string& event, const std::string& data);
  int clients() const;

  struct State;
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

class Server {
 public:
  struct Request {
    std::string method;                                        // GET, HEAD or POST; a GET handler also answers HEAD
    std::string path;                                          // decoded, without the query
    std::map<std::string, std::string> query;                  // decoded; the last of equal names counts
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
    std::string remote;  // address of the client

    std::string_view header(std::string_view lower_name) const;  // "" when absent
    std::string_view param(std::string_view name) const;         // "" when absent
    std::string_view cookie(std::string_view name) const;        // "" when absent
  };
  struct Response {
    int status = 200;
    std::string content_type = "text/html; charset=utf-8";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;

    static Response text(int status, std::string body);
    static Response json(std::string body);
    static Response redirect(std::string location);  // 303
  };
  using Handler = std::function<Response(const Request&)>;

  struct Options {
    std::string host = "127.0.0.1";
    unsigned short port = 0;  // 0: any free one, see port()
    int threads = 2;
    size_t max_body = 1 << 20;     // bytes; more is answered with 413
    size_t max_header = 16 << 10;  // bytes; more is answered with 431
    int max_connections = 256;     // more are closed at once
    std::chrono::seconds idle_timeout{30};
    std::chrono::seconds ping_interval{15};  // comment lines on event streams
    // Sent with every answer; a handler's own header of the same name wins.
    std::vector<std::pair<std::string, std::string>> headers = security_headers();
  };
  static std::vector<std::pair<std::string, std::string>> security_headers();

  explicit Server(Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before start(). `path` is exact, or a prefix when it ends with "/*".
  void get(const std::string& path, Handler handler);
  void post(const std::string& path, Handler handler);
  void events(const std::string& path, const EventHub& hub);

  // Binds and begins to serve; the error names the address.
  Status start();
  // Closes all connections and joins the threads. Called by the destructor.
  void stop();
  unsigned short port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "%EA%B3%84+x" -> "계 x" when `plus_is_space`. Broken escapes stay as they are.
std::string percent_decode(std::string_view text, bool plus_is_space);
// For a query value: everything but unreserved characters is escaped.
std::string percent_encode(std::string_view text);
std::map<std::string, std::string> parse_query(std::string_view query);

}  // namespace sujip::http
