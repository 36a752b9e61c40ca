// One request at a time: what a policy forbids, what bounds an answer, what ends it.
#include "transport/client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "scripted_server.h"
#include "transport/address.h"

namespace sluice::transport {
namespace {

using namespace std::chrono_literals;

Policy allowing() {
  Policy policy;
  policy.allows_http = true;
  policy.redirects_max = 3;
  return policy;
}

// Stands for "is public" where all servers are on loopback.
bool is_127_0_0_1(const sockaddr& address) {
  return address.sa_family == AF_INET &&
         reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

std::string redirect(const std::string& status, const std::string& location) {
  return http_answer(status, "Location: " + location + "\r\n", "", 0);
}

Request get(const std::string& url) {
  return {"GET", url};
}

Outcome send(const Policy& policy, Request request) {
  return Client(policy).send(std::move(request));
}

TEST(TransportClient, A04AnAddressThatThePolicyRefusesIsNotConnectedTo) {
  const ScriptedServer server({http_ok("", "x")});
  Policy policy = allowing();
  policy.may_connect = &is_public_address;
  EXPECT_EQ(send(policy, get(server.url("/"))).ending, Ending::kRefusedAddress);
  // The address counts, whatever name leads to it.
  const auto by_name = send(policy, get(fmt::format("http://localhost:{}/", server.port())));
  EXPECT_EQ(by_name.ending, Ending::kRefusedAddress);
  EXPECT_EQ(by_name.status, 0);
  EXPECT_TRUE(server.asked().empty());
  EXPECT_EQ(send(allowing(), get(server.url("/"))).body, "x");
}

TEST(TransportClient, A04ARedirectToAnAddressThatThePolicyRefusesIsNotFollowed) {
  const ScriptedServer inside({http_ok("", "secret")}, "127.0.0.2");
  const ScriptedServer server({redirect("302 Found", inside.url("/"))});
  Policy policy = allowing();
  policy.may_connect = &is_127_0_0_1;
  const auto outcome = send(policy, get(server.url("/")));
  EXPECT_EQ(outcome.ending, Ending::kRefusedAddress);
  EXPECT_EQ(outcome.body, "");
  EXPECT_EQ(server.asked().size(), 1u);
  EXPECT_TRUE(inside.asked().empty());
  policy.may_connect = nullptr;
  EXPECT_EQ(send(policy, get(server.url("/"))).body, "secret");
}

TEST(TransportClient, A04NoProxyOfTheEnvironmentEvadesACheckOfAddresses) {
  const ScriptedServer server({http_ok("", "direct")});
  const ScriptedServer proxy({http_ok("", "by proxy")});
  ASSERT_EQ(::setenv("http_proxy", proxy.url("").c_str(), 1), 0);
  Policy policy = allowing();
  EXPECT_EQ(send(policy, get(server.url("/"))).body, "direct");
  policy.uses_proxy = true;
  EXPECT_EQ(send(policy, get(server.url("/"))).body, "by proxy");
  policy.may_connect = &is_127_0_0_1;
  EXPECT_EQ(send(policy, get(server.url("/"))).body, "direct");
  ::unsetenv("http_proxy");
}

TEST(TransportClient, A04UrlsThatThePolicyDoesNotAllowAreNotAskedFor) {
  const ScriptedServer server({http_ok("", "x")});
  Policy policy;
  EXPECT_EQ(send(policy, get(server.url("/"))).ending, Ending::kInvalidUrl) << "http";
  policy.allows_http = true;
  for (const std::string& url :
       {std::string("file:///etc/passwd"), std::string("gopher://127.0.0.1/"), std::string(),
        std::string("//x"), fmt::format("http://me:s3cret@127.0.0.1:{}/", server.port())}) {
    const auto outcome = send(policy, get(url));
    EXPECT_EQ(outcome.ending, Ending::kInvalidUrl) << url;
    EXPECT_EQ(outcome.reason.find("s3cret"), std::string::npos);
  }
  EXPECT_TRUE(server.asked().empty());
}

TEST(TransportClient, A04ABodyThatIsKeptIsBounded) {
  Request request;
  request.body_max = 10;
  for (const auto& [body, ending] :
       {std::pair{"0123456789", Ending::kAnswered}, {"0123456789x", Ending::kTooLarge}}) {
    const ScriptedServer server({http_ok("", body)});
    request.url = server.url("/");
    EXPECT_EQ(send(allowing(), request).ending, ending) << body;
    // The same without a length that could be looked at first.
    const ScriptedServer endless({"HTTP/1.0 200 OK\r\n\r\n" + std::string(body)});
    request.url = endless.url("/");
    EXPECT_EQ(send(allowing(), request).ending, ending) << body;
  }
}

TEST(TransportClient, A04AHeaderIsBoundedWithWhatComesBeforeIt) {
  Policy policy = allowing();
  policy.headers_max = 1000;
  const ScriptedServer server({http_ok("X: " + std::string(1000, 'x') + "\r\n", "x")});
  EXPECT_EQ(send(policy, get(server.url("/"))).ending, Ending::kHeadersTooLarge);
  std::string hints;
  for (int i = 0; i < 50; ++i) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  const ScriptedServer talker({hints + http_ok("", "x")});
  EXPECT_EQ(send(policy, get(talker.url("/"))).ending, Ending::kHeadersTooLarge);
  EXPECT_EQ(send(allowing(), get(talker.url("/"))).body, "x");
}

TEST(TransportClient, A04AServerThatFallsSilentIsGivenUp) {
  const ScriptedServer server({http_answer("200 OK", "", "", 8) + std::string(kThenSilence)});
  Policy policy = allowing();
  policy.stall_timeout = 1s;
  const auto outcome = send(policy, get(server.url("/")));
  EXPECT_EQ(outcome.ending, Ending::kTimedOut);
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.received, 0u);
}

TEST(TransportClient, A04TheDeadlineEndsARequest) {
  const ScriptedServer server({""});
  Request request = get(server.url("/"));
  request.deadline = std::chrono::steady_clock::now() + 200ms;
  EXPECT_EQ(send(allowing(), request).ending, Ending::kOutOfTime);
  EXPECT_GE(std::chrono::steady_clock::now(), request.deadline);
  // One that has passed is no deadline less.
  EXPECT_EQ(send(allowing(), request).ending, Ending::kOutOfTime);
}

TEST(TransportClient, R02AStopEndsARequest) {
  const ScriptedServer server({""});
  std::stop_source stop;
  Request request = get(server.url("/"));
  request.stop = stop.get_token();
  std::jthread stopper([&] {
    while (server.asked().empty()) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  EXPECT_EQ(send(allowing(), request).ending, Ending::kStopped);
}

TEST(TransportClient, ACutConnectionIsAFailureWithWhatWasReceived) {
  const ScriptedServer server({http_answer("200 OK", "ETag: \"1\"\r\n", "half", 8)});
  const auto outcome = send(allowing(), get(server.url("/")));
  EXPECT_EQ(outcome.ending, Ending::kFailed);
  EXPECT_EQ(outcome.body, "half");
  EXPECT_EQ(outcome.headers.get("etag"), "\"1\"");
  EXPECT_NE(outcome.reason, "");
}

TEST(TransportClient, ASinkTakesTheBodyAndMayEndIt) {
  const ScriptedServer server({http_ok("", "0123")});
  std::string taken;
  Request request = get(server.url("/"));
  request.body_max = 0;
  request.on_head = [&](int status, const AnswerHeaders& headers) -> Result<Sink> {
    taken += fmt::format("{} {} ", status, headers.get("content-length"));
    return Sink([&](std::string_view bytes) -> Result<void> {
      taken += bytes;
      return {};
    });
  };
  EXPECT_TRUE(send(allowing(), request).is_answered());
  EXPECT_EQ(taken, "200 4 0123");
  request.on_head = [](int, const AnswerHeaders&) -> Result<Sink> {
    return Sink([](std::string_view) { return Result<void>(invalid("no more")); });
  };
  const auto refused = send(allowing(), request);
  EXPECT_EQ(refused.ending, Ending::kRefused);
  EXPECT_EQ(refused.error->message, "no more");
  request.on_head = [](int, const AnswerHeaders&) -> Result<Sink> { return invalid("not that"); };
  EXPECT_EQ(send(allowing(), request).error->message, "not that");
}

TEST(TransportClient, AnEmptyBodyHasAHeadToo) {
  const ScriptedServer server({redirect("302 Found", "/there"), http_ok("", "")});
  std::vector<int> heads;
  Request request = get(server.url("/"));
  request.on_head = [&](int status, const AnswerHeaders&) -> Result<Sink> {
    heads.push_back(status);
    return Sink();
  };
  EXPECT_EQ(send(allowing(), request).url, server.url("/there"));
  EXPECT_EQ(heads, std::vector{200}) << "and none of a redirect that is followed";
}

TEST(TransportClient, L09ARedirectKeepsMethodAndBodyAndTheTokenOnlyAtItsOrigin) {
  const ScriptedServer other({http_ok("", "x")});
  const ScriptedServer server(
      {redirect("307 Moved", "/own"), redirect("302 Found", other.url("/"))});
  Request request{"POST", server.url("/"), {}, "the body", "t0ken"};
  int answers = 0;
  const auto outcome = Client(allowing()).send(request, [&](const Outcome&, auto) { ++answers; });
  EXPECT_EQ(outcome.body, "x");
  EXPECT_EQ(outcome.url, other.url("/"));
  EXPECT_EQ(answers, 3);
  const auto asked = server.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_TRUE(asked[1].starts_with("POST /own ")) << asked[1];
  EXPECT_NE(asked[1].find("Authorization: Bearer t0ken\r\n"), std::string::npos);
  ASSERT_EQ(other.asked().size(), 1u);
  EXPECT_NE(other.asked()[0].find("Content-Length: 8\r\n"), std::string::npos);
  EXPECT_EQ(other.asked()[0].find("t0ken"), std::string::npos);
}

TEST(TransportClient, L09RedirectsAreCountedOrNotFollowed) {
  const ScriptedServer server({redirect("302 Found", "/again")});
  Policy policy = allowing();
  const auto outcome = send(policy, get(server.url("/")));
  EXPECT_EQ(outcome.ending, Ending::kBadRedirect);
  EXPECT_EQ(outcome.error->message, "it redirects too often");
  EXPECT_EQ(server.asked().size(), 4u);
  policy.redirects_max = 0;
  EXPECT_EQ(send(policy, get(server.url("/"))).status, 302);
}

// L-08: signatures in queries and tokens stay out of what is shown and logged.
TEST(TransportClient, L08NoReasonAndNoErrorSaysASecret) {
  const ScriptedServer large({http_ok("", std::string(1u << 17, 'x'))});
  const ScriptedServer cut({http_answer("200 OK", "", "half", 8)});
  const ScriptedServer garbage({"\r\n\r\n nonsense s3cret"});
  const ScriptedServer lost({redirect("302 Found", "http://me:s3cret@127.0.0.1/?sig=s3cret")});
  for (const std::string& url :
       {large.url("/?sig=s3cret"), cut.url("/?sig=s3cret"), garbage.url("/?sig=s3cret"),
        lost.url("/?sig=s3cret"), std::string("http://127.0.0.1:1/?sig=s3cret"),
        std::string("http://s3cret.invalid/?sig=s3cret"),
        std::string("https://me:s3cret@127.0.0.1:1/?sig=s3cret"),
        std::string("ftp://127.0.0.1:1/?sig=s3cret")}) {
    Request request = get(url);
    request.token = "s3cret";
    const auto outcome = send(allowing(), request);
    ASSERT_FALSE(outcome.is_answered()) << url;
    EXPECT_NE(outcome.reason, "") << url;
    EXPECT_EQ(outcome.reason.find("s3cret"), std::string::npos) << outcome.reason;
    const std::string message = outcome.error ? outcome.error->message : "";
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace sluice::transport
