// Large files of other servers: guarded, bounded, taken up where they were cut (I-03).
#include "client/input_download.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "temporary_folder.h"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

// Gives each connection the next answer, the last for ever, and keeps what was asked.
class Script {
 public:
  explicit Script(std::vector<std::string> answers) : answers_(std::move(answers)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
  ~Script() {
    thread_.request_stop();
    thread_.join();
    ::close(socket_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/f?sig=s3cret"; }
  std::vector<std::string> asked() {
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
      const std::string& answer = answers_[std::min(next++, answers_.size() - 1)];
      (void)!::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(connection);
    }
  }

  const std::vector<std::string> answers_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::jthread thread_;
};

std::string answer(const std::string& status, const std::string& headers, const std::string& body,
                   std::size_t length) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(length) +
         "\r\n\r\n" + body;
}
std::string whole(const std::string& body, const std::string& headers = "") {
  return answer("200 OK", headers, body, body.size());
}

class InputDownload : public testing::Test {
 protected:
  void SetUp() override {
    limits_.allow_private = true;
    limits_.retry_delay = 1ms;
    limits_.attempts_max = 2;
    fd_ = FileDescriptor(::open((folder_ / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }
  Result<void> download(const std::string& url) {
    return download_input(url, fd_.get(), file_, limits_, stop_.get_token(),
                          [](const PartialFile&) { return Result<void>(); });
  }
  ErrorKind failure(const std::string& url) {
    const auto done = download(url);
    EXPECT_FALSE(done);
    if (done) return ErrorKind::kInternal;
    EXPECT_EQ(done.error().message.find("s3cret"), std::string::npos) << done.error().message;
    return done.error().kind;
  }
  std::string content() const { return *read_file(folder_ / "f"); }

  TemporaryFolder folder_;
  FileDescriptor fd_;
  PartialFile file_;
  DownloadLimits limits_;
  std::stop_source stop_;
};

TEST_F(InputDownload, I03GoesOnWhereItWasCut) {
  Script server({answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10),
                 answer("206 Partial Content", "ETag: \"v1\"\r\nContent-Range: bytes 4-9/10\r\n",
                        "456789", 6)});
  ASSERT_TRUE(download(server.url()));
  EXPECT_EQ(content(), "0123456789");
  EXPECT_EQ(file_.received, 10u);
  const auto asked = server.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_NE(asked[1].find("Range: bytes=4-\r\n"), std::string::npos) << asked[1];
  EXPECT_NE(asked[1].find("If-Range: \"v1\"\r\n"), std::string::npos);
}

TEST_F(InputDownload, I03WhatChangedIsFetchedAnew) {
  Script server(
      {answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10), whole("new", "ETag: \"v2\"\r\n")});
  ASSERT_TRUE(download(server.url()));
  EXPECT_EQ(content(), "new");
  EXPECT_EQ(file_.validator, "\"v2\"");
}

TEST_F(InputDownload, I03WithoutAValidatorItBeginsAgain) {
  Script server({answer("200 OK", "ETag: W/\"v1\"\r\n", "0123", 10), whole("0123456789")});
  ASSERT_TRUE(download(server.url()));
  EXPECT_EQ(content(), "0123456789");
  EXPECT_EQ(server.asked()[1].find("Range:"), std::string::npos);
}

TEST_F(InputDownload, I03APartThatWasNotAskedForIsNotTaken) {
  Script server({answer("200 OK", "ETag: \"v1\"\r\n", "0123", 10),
                 answer("206 Partial Content", "Content-Range: bytes 2-9/10\r\n", "23456789", 8)});
  EXPECT_EQ(failure(server.url()), ErrorKind::kUnavailable);
  EXPECT_EQ(content(), "0123");
}

TEST_F(InputDownload, I03TriesTransientAnswersAgainAndOthersNot) {
  Script busy({answer("503 Busy", "", "", 0), whole("x")});
  ASSERT_TRUE(download(busy.url()));
  EXPECT_EQ(content(), "x");
  file_ = {};
  Script gone({answer("404 Not Found", "", "no", 2)});
  EXPECT_EQ(failure(gone.url()), ErrorKind::kUnavailable);
  EXPECT_EQ(gone.asked().size(), 1u);
  Script always({answer("503 Busy", "", "", 0)});
  EXPECT_EQ(failure(always.url()), ErrorKind::kUnavailable);
  EXPECT_EQ(always.asked().size(), 2u);
}

TEST_F(InputDownload, I03FollowsNoRedirect) {
  Script target({whole("x")});
  Script server({answer("302 Found", "Location: " + target.url() + "\r\n", "", 0)});
  EXPECT_EQ(failure(server.url()), ErrorKind::kUnavailable);
  EXPECT_TRUE(target.asked().empty());
}

TEST_F(InputDownload, I03PrivateAddressesAreNotConnectedTo) {
  Script server({whole("x")});
  limits_.allow_private = false;
  EXPECT_EQ(failure(server.url()), ErrorKind::kInvalid) << "http";
  const std::string https = "https" + server.url().substr(4);
  EXPECT_EQ(failure(https), ErrorKind::kForbidden);
  EXPECT_EQ(failure("https://localhost" + https.substr(https.rfind(':'))), ErrorKind::kForbidden);
  EXPECT_EQ(failure("https://[::1]:1/"), ErrorKind::kForbidden);
  EXPECT_EQ(failure("file:///etc/passwd"), ErrorKind::kInvalid);
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(InputDownload, I05IsBoundedInSizeAndTimeAndCanBeStopped) {
  Script server({whole("0123456789")});
  limits_.size_max = 9;
  EXPECT_EQ(failure(server.url()), ErrorKind::kTooLarge);
  Script packed({whole("x", "Content-Encoding: br\r\n")});
  EXPECT_EQ(failure(packed.url()), ErrorKind::kUnsupported);
  Script busy({answer("503 Busy", "", "", 0)});
  limits_.attempts_max = 1000;
  limits_.retry_delay = 10s;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(50ms);
    stop_.request_stop();
  });
  EXPECT_EQ(failure(busy.url()), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace sluice::client
