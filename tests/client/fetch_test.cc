// Requests to other servers: where they may go, and what comes back.
#include "client/fetch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

// Answers every connection with the same bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~OneAnswer() {
    thread_.request_stop();
    thread_.join();
    ::close(socket_);
  }
  std::string url(const std::string& path = "/keys") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int connections() const { return connections_; }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd wanted{socket_, POLLIN, 0};
      if (::poll(&wanted, 1, 20) <= 0) continue;
      const int connection = ::accept(socket_, nullptr, nullptr);
      ++connections_;
      char request[4096];
      (void)!::recv(connection, request, sizeof request, 0);
      (void)!::send(connection, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      if (answer_.empty()) std::this_thread::sleep_for(700ms);
      ::close(connection);
    }
  }

  const std::string answer_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::jthread thread_;
};

FetchOptions allowing() {
  FetchOptions options;
  options.allow_private = true;
  options.timeout = 5s;
  return options;
}

std::string ok(const std::string& headers, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST(Fetch, A04KnowsPublicAddressesFromOthers) {
  for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255",
                              "100.128.0.1", "192.167.1.1", "2606:4700::1111", "2a00:1450::1"})
    EXPECT_TRUE(is_public_address(address)) << address;
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.255.254",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.0.1",
                              "192.0.2.1",
                              "198.18.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2001:db8::1",
                              "localhost",
                              "",
                              "1.2.3"})
    EXPECT_FALSE(is_public_address(address)) << address;
}

TEST(Fetch, A04PrivateAddressesAreNotConnectedTo) {
  const OneAnswer server(ok("", "{}"));
  const auto plain = fetch(server.url(), {});
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().kind, ErrorKind::kInvalid) << "http";
  const std::string https = "https" + server.url().substr(4);
  for (const auto& url : {https, "https://localhost" + https.substr(https.rfind(':'))}) {
    const auto refused = fetch(url, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kForbidden) << refused.error().message;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(Fetch, OtherSchemesAreRefused) {
  for (const char* url :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "//x"})
    EXPECT_EQ(fetch(url, allowing()).error().kind, ErrorKind::kInvalid) << url;
}

TEST(Fetch, ReadsBodyAndAge) {
  const OneAnswer server(ok("Cache-Control: public, max-age=120\r\n", "{\"keys\":[]}"));
  const auto fetched = fetch(server.url(), allowing());
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->body, "{\"keys\":[]}");
  EXPECT_EQ(fetched->max_age, 120s);
  const OneAnswer never(ok("cache-control: no-store\r\n", "{}"));
  EXPECT_EQ(fetch(never.url(), allowing())->max_age, 0s);
  const OneAnswer silent(ok("", "{}"));
  EXPECT_FALSE(fetch(silent.url(), allowing())->max_age);
}

TEST(Fetch, A04RedirectsAreNotFollowed) {
  const OneAnswer target(ok("", "{}"));
  const OneAnswer server("HTTP/1.1 302 Found\r\nLocation: " + target.url() +
                         "\r\nContent-Length: 0\r\n\r\n");
  const auto fetched = fetch(server.url(), allowing());
  ASSERT_FALSE(fetched);
  EXPECT_NE(fetched.error().message.find("302"), std::string::npos);
  EXPECT_EQ(target.connections(), 0);
}

TEST(Fetch, A04ALargeAnswerIsCut) {
  const OneAnswer server(ok("", std::string(70'000, 'x')));
  EXPECT_EQ(fetch(server.url(), allowing()).error().kind, ErrorKind::kTooLarge);
  // The same without a length that could be looked at first.
  const OneAnswer endless("HTTP/1.0 200 OK\r\n\r\n" + std::string(70'000, 'x'));
  EXPECT_EQ(fetch(endless.url(), allowing()).error().kind, ErrorKind::kTooLarge);
}

TEST(Fetch, A04ASlowServerIsGivenUp) {
  const OneAnswer server("");
  auto options = allowing();
  options.timeout = 300ms;
  const auto fetched = fetch(server.url(), options);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().kind, ErrorKind::kTimeout) << fetched.error().message;
}

TEST(Fetch, SendsABodyAndReturnsEveryStatus) {
  const OneAnswer server("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}");
  const auto sent = send(server.url(), {"POST", {"Content-Type: text/plain"}, "a=b"}, allowing());
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->status, 400);
  EXPECT_EQ(fetch(server.url(), allowing()).error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace sluice::client
