#include "core/http/server.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <set>
#include <thread>

#include "core/http/event_hub.h"
#include "core/log.h"

namespace sujip::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;
using Answer = bhttp::response<bhttp::string_body>;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

struct Route {
  std::string method;
  std::string path;
  bool prefix = false;
  Server::Handler handler;
  std::shared_ptr<EventHub::State> hub;  // set for event streams

  bool matches(std::string_view wanted) const {
    return prefix ? wanted.substr(0, path.size()) == path : wanted == path;
  }
};

// What connections share.
struct Shared {
  Server::Options options;
  std::vector<Route> routes;
  std::atomic<int> connections{0};
};

void set_headers(const Shared& shared, const Server::Response& from, Answer& to) {
  for (const auto& [name, value] : shared.options.headers) to.set(name, value);
  for (const auto& [name, value] : from.headers) {
    if (lower(name) == "set-cookie") {
      to.insert(name, value);
    } else {
      to.set(name, value);
    }
  }
}

// An event stream: headers, then texts as they come. A browser that doesn't read is dropped.
class Stream : public EventListener, public std::enable_shared_from_this<Stream> {
 public:
  Stream(beast::tcp_stream socket, std::shared_ptr<Shared> shared, std::shared_ptr<EventHub::State> hub)
      : socket_(std::move(socket)), ping_(socket_.get_executor()), shared_(std::move(shared)), hub_(std::move(hub)) {
    ++shared_->connections;
  }
  ~Stream() override {
    hub_->remove(this);
    --shared_->connections;
  }

  void begin(const std::string& last_event_id) {
    std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";
    for (const auto& [name, value] : shared_->options.headers) head += name + ": " + value + "\r\n";
    head += "Connection: close\r\nX-Accel-Buffering: no\r\n\r\nretry: 5000\n\n";
    enqueue(std::make_shared<const std::string>(std::move(head)));
    hub_->add(shared_from_this(), shared_.get(), last_event_id);
    watch();
    arm_ping();
  }

  void send(std::shared_ptr<const std::string> text) override {
    asio::post(socket_.get_executor(),
               [self = shared_from_this(), text = std::move(text)]() mutable { self->enqueue(std::move(text)); });
  }

 private:
  static constexpr size_t kMaxPending = 64;

  void enqueue(std::shared_ptr<const std::string> text) {
    if (closed_) return;
    if (pending_.size() >= kMaxPending) return close();
    pending_.push_back(std::move(text));
    if (pending_.size() == 1) write();
  }

  void write() {
    socket_.expires_after(shared_->options.idle_timeout);
    asio::async_write(socket_, asio::buffer(*pending_.front()),
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (error) return self->close();
                        self->pending_.pop_front();
                        if (!self->pending_.empty()) self->write();
                      });
  }

  // The client never sends anything more; a read that ends means it went away.
  void watch() {
    socket_.socket().async_read_some(asio::buffer(scrap_),
                                     [self = shared_from_this()](beast::error_code error, size_t) {
                                       if (error) return self->close();
                                       self->watch();
                                     });
  }

  void arm_ping() {
    ping_.expires_after(shared_->options.ping_interval);
    ping_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (error || self->closed_) return;
      self->enqueue(std::make_shared<const std::string>(": ping\n\n"));
      self->arm_ping();
    });
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    ping_.cancel();
    socket_.close();
  }

  beast::tcp_stream socket_;
  asio::steady_timer ping_;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<EventHub::State> hub_;
  std::deque<std::shared_ptr<const std::string>> pending_;
  std::array<char, 256> scrap_{};
  bool closed_ = false;
};

// One connection: requests one after the other.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<Shared> shared) : socket_(std::move(socket)), shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Session() { --shared_->connections; }

  void read() {
    parser_.emplace();
    parser_->body_limit(shared_->options.max_body);
    parser_->header_limit(static_cast<uint32_t>(shared_->options.max_header));
    socket_.expires_after(shared_->options.idle_timeout);
    bhttp::async_read(socket_, buffer_, *parser_,
                      [self = shared_from_this()](beast::error_code error, size_t) { self->on_read(error); });
  }

 private:
  void on_read(beast::error_code error) {
    if (error == bhttp::error::body_limit) return refuse(413, "body too large\n");
    if (error == bhttp::error::header_limit) return refuse(431, "headers too large\n");
    if (error == bhttp::error::end_of_stream || error == beast::error::timeout) return shut();
    if (error && error.category() == bhttp::make_error_code(bhttp::error::bad_method).category())
      return refuse(400, "not an HTTP request\n");
    if (error) return;
    handle();
  }

  void refuse(int status, std::string text) { answer(Server::Response::text(status, std::move(text)), false, false); }

  void handle() {
    const auto& message = parser_->get();
    const auto method = message.method();
    const bool head = method == bhttp::verb::head;
    Server::Request request;
    request.method = std::string(message.method_string());
    const std::string_view target(message.target().data(), message.target().size());
    const size_t mark = std::min(target.find('?'), target.size());
    request.path = percent_decode(target.substr(0, mark), false);
    if (mark < target.size()) request.query = parse_query(target.substr(mark + 1));
    for (const auto& field : message)
      request.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                   std::string(field.value()));
    request.body = message.body();
    beast::error_code ignored;
    request.remote = socket_.socket().remote_endpoint(ignored).address().to_string();

    const Route* found = nullptr;
    bool path_known = false;
    for (const Route& route : shared_->routes) {
      if (!route.matches(request.path)) continue;
      path_known = true;
      if (route.method == (head ? "GET" : request.method)) {
        found = &route;
        break;
      }
    }
    const bool keep = message.keep_alive();
    if (found == nullptr) {
      auto response =
          path_known ? Server::Response::text(405, "method not allowed\n") : Server::Response::text(404, "not found\n");
      return answer(response, head, keep);
    }
    if (found->hub != nullptr && !head) {
      socket_.expires_never();
      std::make_shared<Stream>(std::move(socket_), shared_, found->hub)
          ->begin(std::string(request.header("last-event-id")));
      return;
    }
    answer(found->hub != nullptr ? Server::Response::text(200, "") : call(*found, request), head, keep);
  }

  static Server::Response call(const Route& route, const Server::Request& request) {
    try {
      return route.handler(request);
    } catch (const std::exception& e) {
      log::error("answering {} {}: {}", request.method, request.path, e.what());
      return Server::Response::text(500, "internal error\n");
    }
  }

  void answer(const Server::Response& response, bool head, bool keep) {
    answer_ = Answer{};
    answer_.version(11);
    answer_.result(static_cast<unsigned>(response.status));
    answer_.set(bhttp::field::content_type, response.content_type);
    set_headers(*shared_, response, answer_);
    answer_.keep_alive(keep);
    answer_.body() = response.body;
    answer_.prepare_payload();
    if (head) answer_.body().clear();  // Content-Length stays that of the GET
    socket_.expires_after(shared_->options.idle_timeout);
    auto done = [self = shared_from_this(), keep](beast::error_code error, size_t) {
      if (error) return;
      if (keep) return self->read();
      self->shut();
    };
    if (head) {
      serializer_.emplace(answer_);
      bhttp::async_write_header(socket_, *serializer_, done);
    } else {
      bhttp::async_write(socket_, answer_, done);
    }
  }

  void shut() {
    beast::error_code ignored;
    socket_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream socket_;
  std::shared_ptr<Shared> shared_;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  Answer answer_;
  std::optional<bhttp::response_serializer<bhttp::string_body>> serializer_;
};

}  // namespace

struct Server::Impl {
  explicit Impl(Options options) : acceptor(io) { shared->options = std::move(options); }

  void accept() {
    acceptor.async_accept(asio::make_strand(io), [this](beast::error_code error, tcp::socket socket) {
      if (!acceptor.is_open()) return;
      if (!error && shared->connections < shared->options.max_connections)
        std::make_shared<Session>(std::move(socket), shared)->read();
      accept();
    });
  }

  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  asio::io_context io;
  tcp::acceptor acceptor;
  std::vector<std::thread> threads;
  unsigned short port = 0;
};

Server::Server(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Server::~Server() { stop(); }

void Server::get(const std::string& path, Handler handler) {
  const bool prefix = path.ends_with("/*");
  impl_->shared->routes.push_back(
      {"GET", prefix ? path.substr(0, path.size() - 1) : path, prefix, std::move(handler), nullptr});
}

void Server::post(const std::string& path, Handler handler) {
  const bool prefix = path.ends_with("/*");
  impl_->shared->routes.push_back(
      {"POST", prefix ? path.substr(0, path.size() - 1) : path, prefix, std::move(handler), nullptr});
}

void Server::events(const std::string& path, const EventHub& hub) {
  impl_->shared->routes.push_back({"GET", path, false, nullptr, hub.state()});
}

Status Server::start() {
  const Options& options = impl_->shared->options;
  const std::string where = options.host + ":" + std::to_string(options.port);
  beast::error_code error;
  tcp::resolver resolver(impl_->io);
  const auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty())
    return Error{"resolving the address to listen on: " + error.message(), where,
                 "use an address of this machine, such as 127.0.0.1:8470"};
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp::acceptor& acceptor = impl_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    beast::error_code ignored;
    acceptor.close(ignored);
    return Error{"listening: " + error.message(), where, "another program may use this port; choose a free one"};
  }
  impl_->port = acceptor.local_endpoint(error).port();
  impl_->accept();
  for (int i = 0; i < std::max(1, options.threads); ++i) impl_->threads.emplace_back([this] { impl_->io.run(); });
  return Status::success();
}

void Server::stop() {
  impl_->io.stop();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  for (const Route& route : impl_->shared->routes)
    if (route.hub != nullptr) route.hub->leave(impl_->shared.get());
}

unsigned short Server::port() const { return impl_->port; }

}  // namespace sujip::http
