#pragma once
// A peer that does to each connection what a test says: the sockets a proper server can't be asked for.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace sujip::testing {

// Reads up to the blank line after the headers; what came, or less where the other side hung up.
inline std::string read_head(int fd) {
  std::string head;
  std::array<char, 1024> buffer{};
  while (head.find("\r\n\r\n") == head.npos) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) break;
    head.append(buffer.data(), static_cast<size_t>(n));
  }
  return head;
}

inline void write_all(int fd, const std::string& text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

class Peer {
 public:
  // `serve` is called with the socket of each connection, which is closed after it.
  explicit Peer(std::function<void(int fd)> serve)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), serve_(std::move(serve)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    ::bind(listener_, any, size);
    ::listen(listener_, 16);
    ::getsockname(listener_, any, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Peer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int connections() const { return connections_; }

 private:
  void run() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      ++connections_;
      serve_(fd);
      ::close(fd);
    }
  }

  int listener_;
  unsigned short port_ = 0;
  std::function<void(int)> serve_;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace sujip::testing
