// An HTTP server on loopback that says what it was told to say.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sluice {

/// An answer of HTTP: `headers` are lines with their ends, `length` is what it says that follows.
inline std::string http_answer(const std::string& status, const std::string& headers,
                               const std::string& body, std::size_t length) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(length) +
         "\r\n\r\n" + body;
}
inline std::string http_ok(const std::string& headers, const std::string& body) {
  return http_answer("200 OK", headers, body, body.size());
}

/// At the end of an answer: the connection stays open until the client leaves.
inline constexpr std::string_view kThenSilence = "\x04";

/// Gives each connection the next answer, the last for ever, and keeps what was asked. An empty
/// answer is a silence until the client leaves. Thread-safe.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers, std::string host = "127.0.0.1")
      : answers_(std::move(answers)), host_(std::move(host)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, host_.c_str(), &address.sin_addr), 1);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~ScriptedServer() {
    thread_.request_stop();
    thread_.join();
    ::close(socket_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url(const std::string& path) const {
    return "http://" + host_ + ":" + std::to_string(port_) + path;
  }
  std::uint16_t port() const { return port_; }
  /// The heads of the requests, one a connection, and what came with them.
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void run(const std::stop_token& stop) {
    for (std::size_t next = 0; !stop.stop_requested();) {
      pollfd wanted{socket_, POLLIN, 0};
      if (::poll(&wanted, 1, 20) <= 0) continue;
      const int connection = ::accept(socket_, nullptr, nullptr);
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const auto n = ::recv(connection, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        request.append(buffer, static_cast<std::size_t>(n));
      }
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(request);
      }
      std::string_view answer = answers_[std::min(next++, answers_.size() - 1)];
      const bool is_kept = answer.empty() || answer.ends_with(kThenSilence);
      if (is_kept && !answer.empty()) answer.remove_suffix(kThenSilence.size());
      (void)!::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (is_kept) wait_until_left(connection, stop);
      ::close(connection);
    }
  }

  /// Until the client has closed.
  static void wait_until_left(int connection, const std::stop_token& stop) {
    pollfd wanted{connection, POLLIN, 0};
    while (!stop.stop_requested() && ::poll(&wanted, 1, 20) <= 0) {
    }
  }

  const std::vector<std::string> answers_;
  const std::string host_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
  std::jthread thread_;
};

}  // namespace sluice
