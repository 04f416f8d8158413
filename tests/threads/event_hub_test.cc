// Event streams: published from several threads while browsers come and go.

#include <gtest/gtest.h>

#include <thread>

#include "core/http/server.h"
#include "tests/threads/peer.h"

namespace sujip {
namespace {

using http::EventHub;
using http::Server;

// A browser: reads the stream until `last` was in it or the server hung up.
std::string listen_until(unsigned short port, const std::string& last) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  std::string text;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    testing::write_all(fd, "GET /events HTTP/1.1\r\nHost: here\r\n\r\n");
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; text.find(last) == text.npos && (n = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
      text.append(buffer.data(), static_cast<size_t>(n));
  }
  ::close(fd);
  return text;
}

TEST(EventHub, EveryBrowserGetsTheNewestWhoeverPublishes) {
  EventHub hub;
  Server server(Server::Options{});
  server.events("/events", hub);
  ASSERT_TRUE(server.start());
  std::vector<std::thread> browsers;
  std::array<std::string, 4> seen;
  for (std::string& text : seen) browsers.emplace_back([&] { text = listen_until(server.port(), "data: the end\n"); });
  std::vector<std::thread> publishers;
  for (int p = 0; p < 2; ++p)
    publishers.emplace_back([&, p] {
      for (int i = 0; i < 20; ++i)
        hub.publish(std::to_string(p) + "." + std::to_string(i), "cells", "count " + std::to_string(i));
    });
  for (std::thread& publisher : publishers) publisher.join();
  hub.publish("end", "cells", "the end");  // a browser that comes later gets it at once
  for (std::thread& browser : browsers) browser.join();
  for (const std::string& text : seen) {
    EXPECT_NE(text.find("text/event-stream"), text.npos);
    EXPECT_NE(text.find("data: the end\n"), text.npos) << text;
  }
}

TEST(EventHub, StopsWhileEventsGoOut) {
  EventHub hub;
  std::atomic<bool> over{false};
  std::thread publisher([&] {
    for (int i = 0; !over; ++i) hub.publish(std::to_string(i), "cells", "x");
  });
  {
    Server server(Server::Options{});
    server.events("/events", hub);
    ASSERT_TRUE(server.start());
    EXPECT_NE(listen_until(server.port(), "data: x\n").find("data: x\n"), std::string::npos);
  }
  over = true;
  publisher.join();
  EXPECT_EQ(hub.clients(), 0);
}

}  // namespace
}  // namespace sujip
