// Requests to other servers: where they may go, and what comes back.
#include "fetch/fetch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <string>
#include <thread>

#include "scripted_server.h"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

FetchOptions allowing() {
  FetchOptions options;
  options.allow_private = true;
  options.timeout = 5s;
  return options;
}

TEST(Fetch, A04PrivateAddressesAreNotConnectedTo) {
  const ScriptedServer server({http_ok("", "{}")});
  const auto plain = fetch(server.url("/keys"), {});
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().kind, ErrorKind::kInvalid) << "http";
  const std::string https = "https" + server.url("/keys").substr(4);
  for (const auto& url : {https, "https://localhost" + https.substr(https.rfind(':'))}) {
    const auto refused = fetch(url, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kForbidden) << refused.error().message;
  }
  EXPECT_TRUE(server.asked().empty());
}

TEST(Fetch, R02ASilentServerIsGivenUpWhenAskedToStop) {
  const ScriptedServer server({""});
  std::stop_source stop;
  FetchOptions options = allowing();
  options.timeout = 600s;
  options.stop = stop.get_token();
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(fetch(server.url("/keys"), options).error().kind, ErrorKind::kCancelled);
  stopper.join();
}

TEST(Fetch, OtherSchemesAreRefused) {
  for (const char* url :
       {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "//x"})
    EXPECT_EQ(fetch(url, allowing()).error().kind, ErrorKind::kInvalid) << url;
}

TEST(Fetch, ReadsBodyAndAge) {
  const ScriptedServer server({http_ok("Cache-Control: public, max-age=120\r\n", "{\"keys\":[]}")});
  const auto fetched = fetch(server.url("/keys"), allowing());
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->body, "{\"keys\":[]}");
  EXPECT_EQ(fetched->max_age, 120s);
  const ScriptedServer never({http_ok("cache-control: no-store\r\n", "{}")});
  EXPECT_EQ(fetch(never.url("/keys"), allowing())->max_age, 0s);
  const ScriptedServer twice(
      {http_ok("Cache-Control: no-store\r\nCache-Control: max-age=60\r\n", "{}")});
  EXPECT_EQ(fetch(twice.url("/keys"), allowing())->max_age, 0s);
  const ScriptedServer silent({http_ok("", "{}")});
  EXPECT_FALSE(fetch(silent.url("/keys"), allowing())->max_age);
}

TEST(Fetch, A04RedirectsAreNotFollowed) {
  const ScriptedServer target({http_ok("", "{}")});
  const ScriptedServer server(
      {"HTTP/1.1 302 Found\r\nLocation: " + target.url("/keys") + "\r\nContent-Length: 0\r\n\r\n"});
  const auto fetched = fetch(server.url("/keys"), allowing());
  ASSERT_FALSE(fetched);
  EXPECT_NE(fetched.error().message.find("302"), std::string::npos);
  EXPECT_TRUE(target.asked().empty());
}

TEST(Fetch, A04ALargeAnswerIsCut) {
  const ScriptedServer server({http_ok("", std::string(70'000, 'x'))});
  EXPECT_EQ(fetch(server.url("/keys"), allowing()).error().kind, ErrorKind::kTooLarge);
  // The same without a length that could be looked at first.
  const ScriptedServer endless({"HTTP/1.0 200 OK\r\n\r\n" + std::string(70'000, 'x')});
  EXPECT_EQ(fetch(endless.url("/keys"), allowing()).error().kind, ErrorKind::kTooLarge);
}

TEST(Fetch, A04ASlowServerIsGivenUp) {
  const ScriptedServer server({""});
  auto options = allowing();
  options.timeout = 300ms;
  const auto fetched = fetch(server.url("/keys"), options);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().kind, ErrorKind::kTimeout) << fetched.error().message;
}

TEST(Fetch, SendsABodyAndReturnsEveryStatus) {
  const ScriptedServer server({"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"});
  const auto sent =
      send(server.url("/keys"), {"POST", {"Content-Type: text/plain"}, "a=b"}, allowing());
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->status, 400);
  EXPECT_EQ(fetch(server.url("/keys"), allowing()).error().kind, ErrorKind::kUnavailable);
}

// L-08: the query of a URL may be a signature, and user information a password.
TEST(Fetch, L08NoErrorSaysASecretOfTheUrl) {
  const ScriptedServer gone({http_answer("404 Not Found", "", "", 0)});
  const ScriptedServer large({http_ok("", std::string(70'000, 'x'))});
  const ScriptedServer moved({http_answer("302 Found", "Location: /x?sig=s3cret\r\n", "", 0)});
  for (const auto& [url, shown] :
       {std::pair{gone.url("/f?sig=s3cret"), gone.url("/f")},
        {large.url("/f?sig=s3cret"), large.url("/f")},
        {moved.url("/f?sig=s3cret"), moved.url("/f")},
        {std::string("ftp://me:s3cret@127.0.0.1/f?sig=s3cret"), std::string("ftp://127.0.0.1/f")},
        {std::string("http://127.0.0.1:1/f?sig=s3cret"), std::string("http://127.0.0.1:1/f")}}) {
    const auto fetched = fetch(url, allowing());
    ASSERT_FALSE(fetched) << url;
    EXPECT_EQ(fetched.error().message.find("s3cret"), std::string::npos) << fetched.error().message;
    EXPECT_EQ(fetched.error().message.find(fmt::format("'{}'", shown)), 0u)
        << fetched.error().message;
  }
}

}  // namespace
}  // namespace sluice::client
