// URLs, proxies and pages of other origins.
#include <gtest/gtest.h>

#include "raw_client.h"

namespace sluice::http {
namespace {

TEST_F(ServerTest, DecodesPathsAndKeepsTheRawQuery) {
  start();
  RawClient client(port());
  const std::string where = "http://h:1 127.0.0.1 a=%20+ [where] [$x+/y] name=$x+/y";
  EXPECT_EQ(client.ask("GET /where/%24x+%2Fy?a=%20+ HTTP/1.1\r\nHost: h:1\r\n\r\n").body, where);
}

TEST_F(ServerTest, TakesTheHostOfAnAbsoluteTarget) {
  start();
  RawClient client(port());
  EXPECT_EQ(client.ask("GET http://other.org/where/x HTTP/1.1\r\nHost: h\r\n\r\n").body,
            "http://other.org 127.0.0.1  [where] [x] name=x");
}

TEST_F(ServerTest, NamesItselfByAddressWithoutHost) {
  start();
  RawClient client(port());
  EXPECT_TRUE(client.ask("GET /where/x HTTP/1.0\r\n\r\n")
                  .body.starts_with("http://127.0.0.1:" + std::to_string(port()) + " "));
}

TEST_F(ServerTest, AnswersToItsOwnNamesOnly) {
  ServerOptions options;
  options.own_hosts = std::vector<std::string>{"fhir.example"};
  start(options);
  RawClient client(port());
  EXPECT_EQ(client.ask("GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 421);
  EXPECT_TRUE(client.sees_close());
  const auto status = [this](const std::string& request) {
    RawClient other(port());
    return other.ask(request).status;
  };
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\nHost: fhir.example\r\n\r\n"), 200);
  // Who watches over the server may call it anything.
  EXPECT_EQ(status("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n"), 200);
  EXPECT_EQ(status("GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n"), 421);
  // Who names no host was led here by none.
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\nHost:\r\n\r\n"), 200);
  EXPECT_EQ(status("GET /hello HTTP/1.0\r\n\r\n"), 200);
  // A stranger's word for another name does not count.
  EXPECT_EQ(status("GET /hello HTTP/1.1\r\nHost: evil.example\r\n"
                   "X-Forwarded-Host: fhir.example\r\n\r\n"),
            421);
}

TEST_F(ServerTest, LooksAtTheNameThatATrustedProxyWasAskedFor) {
  ServerOptions options;
  options.own_hosts = std::vector<std::string>{"fhir.example"};
  options.trusted_proxies = {"127.0.0.1"};
  start(options);
  RawClient client(port());
  const std::string head = "GET /hello HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: ";
  EXPECT_EQ(client.ask(head + "fhir.example\r\n\r\n").status, 200);
  EXPECT_EQ(client.ask(head + "evil.example\r\n\r\n").status, 421);
}

constexpr std::string_view kForwarded =
    "GET /where/x HTTP/1.1\r\nHost: inner:8080\r\n"
    "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2\r\n"
    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: fhir.example.org\r\n\r\n";

TEST_F(ServerTest, IgnoresForwardedFieldsFromStrangers) {
  ServerOptions options;
  options.trusted_proxies = {"10.0.0.1"};
  start(options);
  RawClient client(port());
  EXPECT_TRUE(client.ask(kForwarded).body.starts_with("http://inner:8080 127.0.0.1 "));
}

TEST_F(ServerTest, BelievesTrustedProxiesUpToTheFirstStranger) {
  ServerOptions options;
  options.trusted_proxies = {"127.0.0.1", "10.0.0.2"};
  start(options);
  RawClient client(port());
  EXPECT_TRUE(client.ask(kForwarded).body.starts_with("https://fhir.example.org 203.0.113.9 "));
  EXPECT_EQ(records(1)[0].peer_address, "203.0.113.9");
}

TEST_F(ServerTest, IgnoresForwardedFieldsThatMakeNoSense) {
  ServerOptions options;
  options.trusted_proxies = {"127.0.0.1"};
  start(options);
  RawClient client(port());
  EXPECT_TRUE(client
                  .ask("GET /where/x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: unknown\r\n"
                       "X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a/b\r\n\r\n")
                  .body.starts_with("http://h 127.0.0.1 "));
}

TEST_F(ServerTest, AnswersAPreflight) {
  ServerOptions options;
  options.cors_origins = {"https://app.example.org"};
  start(options);
  RawClient client(port());
  const Answer answer = client.ask(
      "OPTIONS /hello HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example.org\r\n"
      "Access-Control-Request-Method: GET\r\n\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "https://app.example.org");
  EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
  EXPECT_NE(answer.header("Access-Control-Allow-Headers").find("Prefer"), std::string::npos);
  EXPECT_NE(answer.header("Access-Control-Max-Age"), "");
  EXPECT_EQ(answer.header("Vary"), "Origin");
}

TEST_F(ServerTest, ExposesTheExportFieldsToAllowedOriginsOnly) {
  ServerOptions options;
  options.cors_origins = {"https://app.example.org"};
  start(options);
  RawClient client(port());
  const Answer allowed =
      client.ask("GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example.org\r\n\r\n");
  EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), "https://app.example.org");
  for (const char* name : {"Content-Location", "X-Progress", "Retry-After", "X-Export-Status"})
    EXPECT_NE(allowed.header("Access-Control-Expose-Headers").find(name), std::string::npos);
  const Answer other =
      client.ask("GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\n\r\n");
  EXPECT_EQ(other.header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(other.header("Vary"), "Origin");
}

TEST_F(ServerTest, SaysNothingOfOriginsByDefault) {
  start();
  RawClient client(port());
  const Answer answer = client.ask("GET /hello HTTP/1.1\r\nHost: h\r\nOrigin: null\r\n\r\n");
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(answer.header("Vary"), "");
}

}  // namespace
}  // namespace sluice::http
