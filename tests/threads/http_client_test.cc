// What vendors do to a client, on loopback.

#include "core/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "core/http/server.h"
#include "tests/threads/peer.h"

namespace sujip {
namespace {

using namespace std::chrono_literals;
using http::Server;
using sujip::testing::Peer;
using sujip::testing::read_head;
using sujip::testing::write_all;
using ::testing::HasSubstr;
using ::testing::Not;

// Tells what it was asked: method, then the headers a test is interested in, then the body.
Server::Response echoed(const Server::Request& request) {
  std::string told = request.method + "\n";
  for (const char* name : {"authorization", "accept-language", "content-type", "x-empty"})
    for (const auto& [key, value] : request.headers)
      if (key == name) told += key + "=" + value + "\n";
  return Server::Response::text(200, told + request.body);
}

struct Vendor {
  Vendor() : server(Server::Options{}) {
    server.get("/echo", echoed);
    server.post("/echo", echoed);
    server.get("/big", [](const Server::Request&) { return Server::Response::text(200, std::string(100'000, 'x')); });
    server.get("/missing", [](const Server::Request&) {
      Server::Response out = Server::Response::text(404, "없음");
      out.headers = {{"X-Limit", " 7 "}};
      return out;
    });
    server.post("/see-other", [](const Server::Request&) { return Server::Response::redirect("/echo"); });
    server.get("/to", [](const Server::Request& request) {
      return Server::Response::redirect(std::string(request.param("at")));
    });
    server.get("/circle", [](const Server::Request&) { return Server::Response::redirect("/circle"); });
  }
  std::string address(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(server.port()) + path;
  }
  void start() {
    const Status ready = server.start();
    ASSERT_TRUE(ready) << ready.error().message();
  }
  Server server;
};

HttpRequest get(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  request.timeout = 20s;
  return request;
}

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override { vendor.start(); }
  Vendor vendor;
  HttpClient client;
};

TEST_F(HttpClientTest, AnyStatusIsAnAnswer) {
  const HttpAnswer answer = client.send(get(vendor.address("/missing")));
  ASSERT_TRUE(answer.ok()) << answer.error.message();
  EXPECT_EQ(answer.response.status, 404);
  EXPECT_EQ(answer.response.body, "없음");
  EXPECT_EQ(answer.response.header("x-limit"), "7");
  EXPECT_EQ(answer.response.url, vendor.address("/missing"));
}

TEST_F(HttpClientTest, SendsWhatItIsGivenAndNothingOfItsOwn) {
  HttpRequest request = get(vendor.address("/echo"));
  request.method = "POST";
  request.body = std::string("a\0b", 3);
  request.headers = {{"X-Empty", ""}};
  EXPECT_EQ(client.send(request).response.body, std::string("POST\nx-empty=\na\0b", 17));
  request.headers = {{"Content-Type", "application/json"}};
  request.body.clear();
  EXPECT_EQ(client.send(request).response.body, "POST\ncontent-type=application/json\n");
  request = get(vendor.address("/echo"));
  request.method = "HEAD";
  const HttpAnswer head = client.send(request);
  EXPECT_TRUE(head.ok() && head.response.body.empty() && head.response.status == 200);
}

TEST_F(HttpClientTest, CredentialsStayWithTheirOrigin) {
  Vendor other;
  other.start();
  HttpRequest request = get(vendor.address("/to?at=/echo"));
  request.headers = {{"Authorization", "secret"}, {"Accept-Language", "ko"}};
  EXPECT_EQ(client.send(request).response.body, "GET\nauthorization=secret\naccept-language=ko\n");
  request.url = vendor.address("/to?at=" + other.address("/echo"));
  EXPECT_EQ(client.send(request).response.body, "GET\naccept-language=ko\n");
}

TEST_F(HttpClientTest, SeeOtherIsAskedForWithoutTheBody) {
  HttpRequest request = get(vendor.address("/see-other"));
  request.method = "POST";
  request.body = "once";
  request.headers = {{"Content-Type", "text/plain"}};
  EXPECT_EQ(client.send(request).response.body, "GET\n");
}

TEST_F(HttpClientTest, RedirectsEndSomewhere) {
  const HttpAnswer answer = client.send(get(vendor.address("/circle")));
  EXPECT_EQ(answer.failure, HttpFailure::protocol);
  EXPECT_THAT(answer.error.message(), HasSubstr("too many redirects"));
}

TEST_F(HttpClientTest, AnswersHaveALimit) {
  HttpRequest request = get(vendor.address("/big"));
  request.max_body = 100'000;
  EXPECT_EQ(client.send(request).response.body.size(), 100'000U);
  request.max_body = 99'999;
  EXPECT_EQ(client.send(request).failure, HttpFailure::too_large);
}

TEST_F(HttpClientTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        HttpRequest request = get(vendor.address("/echo"));
        request.headers = {{"Authorization", std::to_string(t * 100 + i)}};
        right += client.send(request).response.body == "GET\nauthorization=" + std::to_string(t * 100 + i) + "\n";
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST_F(HttpClientTest, ThisMachineIsNotBehindAProxy) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  const HttpAnswer answer = client.send(get(vendor.address("/echo")));
  ::unsetenv("http_proxy");
  EXPECT_TRUE(answer.ok()) << answer.error.message();
}

TEST(HttpClientPeer, OneConnectionForManyRequests) {
  Peer peer([](int fd) {
    while (!read_head(fd).empty()) write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  HttpClient client;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.send(get(peer.address())).response.body, "ok");
  EXPECT_EQ(peer.connections(), 1);
}

TEST(HttpClientPeer, AKeptConnectionThatWasClosedIsNoFailure) {
  Peer peer([](int fd) {
    read_head(fd);
    write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    read_head(fd);  // of the next request: no answer
  });
  HttpClient client;
  EXPECT_TRUE(client.send(get(peer.address())).ok());
  const HttpAnswer answer = client.send(get(peer.address()));
  EXPECT_TRUE(answer.ok()) << answer.error.message();
  EXPECT_EQ(peer.connections(), 2);
}

TEST(HttpClientPeer, SilenceEndsAtTheDeadline) {
  Peer peer([](int fd) {
    read_head(fd);
    read_head(fd);  // until the client gives up
  });
  HttpClient client;
  HttpRequest request = get(peer.address() + "/report?token=secret");
  request.timeout = 200ms;
  const HttpAnswer answer = client.send(request);
  EXPECT_EQ(answer.failure, HttpFailure::timeout);
  EXPECT_THAT(answer.error.message(), HasSubstr("/report"));
  EXPECT_THAT(answer.error.message(), Not(HasSubstr("secret")));
}

TEST(HttpClientPeer, TheFlagEndsAnExchange) {
  std::atomic<bool> stop{false};
  std::atomic<bool> asked{false};
  Peer peer([&](int fd) {
    asked = !read_head(fd).empty();
    read_head(fd);
  });
  HttpClient::Options options;
  options.stop = &stop;
  HttpClient client(options);
  HttpRequest request = get(peer.address());
  request.timeout = 10min;
  std::thread stopper([&] {
    while (!asked) std::this_thread::yield();
    stop = true;
  });
  const HttpAnswer answer = client.send(request);
  stopper.join();
  EXPECT_FALSE(answer.ok());
  EXPECT_THAT(answer.error.message(), HasSubstr("stopped"));
}

TEST(HttpClientPeer, FailuresHaveTheirClass) {
  const auto failure_of = [](const std::string& sent) {
    Peer peer([&](int fd) {
      read_head(fd);
      write_all(fd, sent);
    });
    return HttpClient().send(get(peer.address())).failure;
  };
  EXPECT_EQ(failure_of(""), HttpFailure::reset);
  EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), HttpFailure::reset);
  EXPECT_EQ(failure_of("220 smtp.example.com ESMTP\r\n"), HttpFailure::protocol);
  EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nX-Long: " + std::string(70'000, 'x') + "\r\n\r\n"), HttpFailure::too_large);
  std::string gone;
  {
    gone = Peer([](int) {}).address();
  }
  HttpClient client;
  EXPECT_EQ(client.send(get(gone)).failure, HttpFailure::connect);
  EXPECT_EQ(client.send(get("ftp://127.0.0.1/")).failure, HttpFailure::bad_url);
  // TLS towards a peer that speaks none.
  Peer plain([](int fd) { write_all(fd, "HTTP/1.1 400 Bad Request\r\n\r\n"); });
  EXPECT_EQ(client.send(get("https" + plain.address().substr(4))).failure, HttpFailure::tls);
}

}  // namespace
}  // namespace sujip
