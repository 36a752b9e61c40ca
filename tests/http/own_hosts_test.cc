// Which names and which pages an open server answers: DNS rebinding must not reach it.
#include "http/own_hosts.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

Request request_for(const std::string& origin) {
  Request request;
  request.method = "GET";
  request.origin = origin;
  return request;
}

int status_of(const std::optional<Refusal>& refusal) {
  return refusal ? refusal->status : 200;
}

const std::vector<std::string> kNames = {"192.0.2.7", "fhir.example:8443"};

int status_of_host(const std::string& authority) {
  const OwnHosts hosts(kNames, {});
  return status_of(hosts.check(request_for("http://" + authority), "10.1.2.3:8080"));
}

TEST(OwnHosts, TakesLoopbackTheAddressThatWasReachedAndTheNamesThatItWasGiven) {
  for (const char* host :
       {"localhost", "LocalHost:9", "localhost.", "127.0.0.1", "127.0.0.1:8080", "127.9.8.7",
        "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:1", "10.1.2.3",
        "10.1.2.3:80", "192.0.2.7:8080", "fhir.example", "FHIR.example:1", "fhir.example."})
    EXPECT_EQ(status_of_host(host), 200) << host;
}

TEST(OwnHosts, AnswersAnyOtherNameAsMisdirected) {
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "evil-localhost", "10.1.2.4", "128.0.0.1",
                           "[::2]", "xfhir.example", "example", "0", "0x7f000001", "[::1", ""})
    EXPECT_EQ(status_of_host(host), 421) << host;
  const OwnHosts hosts(kNames, {});
  const auto refusal = hosts.check(request_for("http://evil.example"), "10.1.2.3:8080");
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->error.message.find("--base-url"), std::string::npos);
  EXPECT_NE(refusal->error.message.find("'evil.example'"), std::string::npos);
}

TEST(OwnHosts, TakesEveryNameWhenNoneAreGiven) {
  const OwnHosts hosts(std::nullopt, {});
  auto request = request_for("http://evil.example");
  request.headers.add("Origin", "http://evil.example");
  EXPECT_FALSE(hosts.check(request, "10.1.2.3:8080"));
}

int status_of_page(const std::vector<std::string>& cors, const std::string& method,
                   const std::vector<std::pair<std::string, std::string>>& fields) {
  const OwnHosts hosts(kNames, cors);
  auto request = request_for("http://localhost:8080");
  request.method = method;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  return status_of(hosts.check(request, "127.0.0.1:8080"));
}

TEST(OwnHosts, RefusesPagesOfOtherOrigins) {
  for (const char* origin : {"https://evil.example", "null", "http://evil.example:8080", ""})
    for (const char* method : {"GET", "POST"})
      EXPECT_EQ(status_of_page({}, method, {{"Origin", origin}}), 403) << origin;
  EXPECT_EQ(status_of_page({"https://app.example"}, "POST", {{"Origin", "https://evil.example"}}),
            403);
  // An image whose address is a kick-off.
  EXPECT_EQ(status_of_page({}, "GET", {{"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(
      status_of_page({}, "GET", {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "no-cors"}}),
      403);
}

TEST(OwnHosts, LetsItsOwnPagesAndThoseThatAreListedAsk) {
  for (const char* origin : {"http://localhost:8080", "http://localhost:3000", "http://127.0.0.1",
                             "http://[::1]:1", "https://fhir.example"})
    EXPECT_EQ(status_of_page({}, "POST", {{"Origin", origin}}), 200) << origin;
  EXPECT_EQ(status_of_page({"https://app.example"}, "POST", {{"Origin", "https://app.example"}}),
            200);
  EXPECT_EQ(status_of_page({"*"}, "POST", {{"Origin", "https://any.example"}}), 200);
  EXPECT_EQ(status_of_page({}, "OPTIONS", {{"Origin", "https://evil.example"}}), 200);
  EXPECT_EQ(status_of_page({}, "GET", {{"Sec-Fetch-Site", "same-origin"}}), 200);
  // A link that somebody follows.
  EXPECT_EQ(
      status_of_page({}, "GET", {{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}}),
      200);
}

}  // namespace
}  // namespace sluice::http
