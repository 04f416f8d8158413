#include "core/http/connection.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>

namespace sujip {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr auto kGlance = std::chrono::milliseconds(200);  // how often `stop` is looked at

HttpAnswer failed(HttpFailure failure, std::string what, const Url& url, std::string hint = {}) {
  HttpAnswer answer;
  answer.failure = failure;
  answer.error = {std::move(what), url.without_query(), std::move(hint)};
  return answer;
}

HttpFailure class_of(const error_code& ec) {
  if (ec == beast::error::timeout || ec == asio::error::timed_out) return HttpFailure::timeout;
  if (ec == http::error::body_limit || ec == http::error::header_limit)
    return HttpFailure::too_large;
  if (ec == http::error::end_of_stream || ec == http::error::partial_message ||
      ec == asio::error::eof || ec == asio::error::connection_reset ||
      ec == asio::error::broken_pipe || ec == asio::ssl::error::stream_truncated)
    return HttpFailure::reset;
  return HttpFailure::protocol;
}

std::string_view hint_of(HttpFailure failure) {
  switch (failure) {
    case HttpFailure::timeout: return "the peer is slow or unreachable: try again later";
    case HttpFailure::too_large: return "ask for smaller pages or raise the limit of the answer";
    case HttpFailure::reset: return "the peer hung up: try again";
    default: return "is this the right address?";
  }
}

}  // namespace

struct TlsContext::Impl {
  asio::ssl::context context{asio::ssl::context::tls_client};
};

TlsContext::TlsContext(const std::string& ca_file) : impl_(std::make_unique<Impl>()) {
  error_code ignored;
  impl_->context.set_default_verify_paths(ignored);
  if (!ca_file.empty()) impl_->context.load_verify_file(ca_file);
  impl_->context.set_verify_mode(asio::ssl::verify_peer);
  SSL_CTX_set_min_proto_version(impl_->context.native_handle(), TLS1_2_VERSION);
}
TlsContext::~TlsContext() = default;

// Each connection runs its own little event loop until the operation at hand is done. That gives
// asynchronous deadlines behind a blocking face.
struct HttpConnection::Impl {
  Impl(TlsContext& tls_context, const std::atomic<bool>* stop_flag)
      : tls(tls_context), stop(stop_flag) {}

  TlsContext& tls;
  const std::atomic<bool>* stop;
  asio::io_context loop{1};
  std::optional<beast::tcp_stream> plain;
  std::optional<beast::ssl_stream<beast::tcp_stream>> secure;
  beast::flat_buffer buffer;
  bool reusable = false;

  beast::tcp_stream& tcp() { return secure ? secure->next_layer() : *plain; }

  // Runs `start(handler)` to its end and gives its error code.
  template <class Start>
  error_code complete(Start&& start) {
    error_code result;
    start([&result](const error_code& ec, auto&&...) { result = ec; });
    loop.restart();
    while (!loop.stopped()) {
      loop.run_for(kGlance);
      if (stop != nullptr && *stop && !loop.stopped()) {
        tcp().cancel();
        loop.run();
      }
    }
    return result;
  }

  template <class Stream>
  HttpAnswer exchange_over(Stream& stream, const http::request<http::string_body>& message,
                           const HttpRequest& request, const Url& url, bool& unanswered);
};

HttpConnection::HttpConnection(TlsContext& tls, const std::atomic<bool>* stop)
    : impl_(std::make_unique<Impl>(tls, stop)) {}
HttpConnection::~HttpConnection() = default;
bool HttpConnection::keep_alive() const { return impl_->reusable; }

bool HttpConnection::still_open() {
  char byte = 0;
  const auto n = ::recv(impl_->tcp().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

HttpAnswer HttpConnection::open(const Url& url, Deadline deadline) {
  Impl& c = *impl_;
  asio::ip::tcp::resolver resolver(c.loop);
  asio::ip::tcp::resolver::results_type endpoints;
  std::optional<error_code> resolved;
  resolver.async_resolve(url.host, std::to_string(url.port),
                         [&](const error_code& ec, asio::ip::tcp::resolver::results_type found) {
                           resolved = ec;
                           endpoints = std::move(found);
                         });
  c.loop.restart();
  c.loop.run_until(deadline);
  if (!resolved) {
    // The system's lookup can't be interrupted; its late answer is dropped here.
    resolver.cancel();
    c.loop.run();
    return failed(HttpFailure::timeout, "looking up the host took too long", url,
                  "is the name server reachable?");
  }
  if (*resolved)
    return failed(HttpFailure::resolve, "looking up the host: " + resolved->message(), url,
                  "is the host name right, and is there a network?");

  if (url.scheme == "https") {
    c.secure.emplace(c.loop, c.tls.impl().context);
    // SSL_set_tlsext_host_name, without the old-style cast of its macro.
    std::string name = url.host;
    if (SSL_ctrl(c.secure->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 name.data()) != 1)
      return failed(HttpFailure::tls, "setting the TLS host name", url);
    c.secure->set_verify_callback(asio::ssl::host_name_verification(url.host));
  } else {
    c.plain.emplace(c.loop);
  }
  c.tcp().expires_at(deadline);
  error_code ec = c.complete([&](auto done) { c.tcp().async_connect(endpoints, done); });
  if (ec) {
    const bool late = class_of(ec) == HttpFailure::timeout;
    return failed(late ? HttpFailure::timeout : HttpFailure::connect,
                  "connecting: " + ec.message(), url, "is the server running at this address?");
  }
  c.tcp().socket().set_option(asio::ip::tcp::no_delay(true), ec);
  if (c.secure) {
    ec = c.complete([&](auto done) {
      c.secure->async_handshake(asio::ssl::stream_base::client, done);
    });
    if (ec)
      return failed(class_of(ec) == HttpFailure::timeout ? HttpFailure::timeout : HttpFailure::tls,
                    "TLS handshake: " + ec.message(), url,
                    "is the certificate valid for this host and its issuer trusted here?");
  }
  return {};
}

template <class Stream>
HttpAnswer HttpConnection::Impl::exchange_over(Stream& stream,
                                               const http::request<http::string_body>& message,
                                               const HttpRequest& request, const Url& url,
                                               bool& unanswered) {
  error_code ec =
      complete([&](auto done) { http::async_write(stream, message, std::move(done)); });
  if (ec) {
    const HttpFailure kind = class_of(ec);
    unanswered = kind == HttpFailure::reset;
    return failed(kind, "sending the request: " + ec.message(), url, std::string(hint_of(kind)));
  }
  http::response_parser<http::string_body> parser;
  parser.body_limit(request.max_body);
  parser.header_limit(64 * 1024);
  if (request.method == "HEAD") parser.skip(true);
  ec = complete([&](auto done) { http::async_read(stream, buffer, parser, std::move(done)); });
  if (ec) {
    const HttpFailure kind = class_of(ec);
    unanswered = kind == HttpFailure::reset && !parser.got_some();
    return failed(kind, "reading the answer: " + ec.message(), url, std::string(hint_of(kind)));
  }
  HttpAnswer answer;
  answer.response.status = static_cast<int>(parser.get().result_int());
  for (const auto& field : parser.get())
    answer.response.headers.emplace_back(std::string(field.name_string()),
                                         std::string(field.value()));
  reusable = parser.keep_alive() && buffer.size() == 0;
  answer.response.body = std::move(parser.get().body());
  answer.response.url = url.str();
  return answer;
}

HttpAnswer HttpConnection::exchange(const HttpRequest& request, const Url& url,
                                    const std::string& user_agent, Deadline deadline,
                                    bool& unanswered) {
  Impl& c = *impl_;
  unanswered = false;
  c.reusable = false;
  http::request<http::string_body> message;
  message.method_string(request.method);
  message.target(url.target());
  message.version(11);
  message.set(http::field::host, url.authority());
  message.set(http::field::user_agent, user_agent);
  message.set(http::field::accept, "*/*");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = request.body;
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH")
    message.prepare_payload();
  c.tcp().expires_at(deadline);
  return c.secure ? c.exchange_over(*c.secure, message, request, url, unanswered)
                  : c.exchange_over(*c.plain, message, request, url, unanswered);
}

}  // namespace sujip
