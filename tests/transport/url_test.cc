#include "transport/url.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

TEST(Url, IsReadAsItIsConnectedTo) {
  const auto url = parse_url("HTTPS://A.example/f?x=1");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->port, "443");
  EXPECT_FALSE(url->has_user);
  EXPECT_EQ(parse_url("http://[::1]:8080/")->host, "[::1]");
  EXPECT_TRUE(parse_url("https://me@a.example/")->has_user);
  for (const char* none : {"", "//x", "a.example/f", "https://", "nonsense://a.example/"})
    EXPECT_FALSE(parse_url(none)) << none;
}

TEST(Url, IsResolvedAgainstItsBase) {
  EXPECT_EQ(*resolve_url("https://a.example/x/y?q", "../z"), "https://a.example/z");
  EXPECT_EQ(*resolve_url("https://a.example/x", " /Patient|1 "), "https://a.example/Patient%7C1");
  EXPECT_EQ(*resolve_url("https://a.example/x", "//b.example#part"), "https://b.example/");
  EXPECT_EQ(origin_of("https://a.example/x"), "https://a.example:443");
  EXPECT_NE(origin_of("https://a.example:444/x"), origin_of("https://a.example/x"));
  EXPECT_EQ(origin_of("x"), "");
}

// L-08: what refuses a URL does not show what is secret in it.
TEST(Url, L08IsRefusedWithoutItsSecrets) {
  for (const char* reference :
       {"https://me:s3cret@a.example/f?sig=s3cret", "ftp://me:s3cret@a.example/?s3cret",
        "https://a b:99999/?s3cret", "https://a.example/\x01?s3cret"}) {
    const auto resolved = resolve_url("https://a.example/", reference);
    ASSERT_FALSE(resolved) << reference;
    EXPECT_EQ(resolved.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(resolved.error().message.find("s3cret"), std::string::npos)
        << resolved.error().message;
  }
  EXPECT_EQ(resolve_url("not a base?s3cret", "/").error().message, "'not a base' is not a URL");
}

}  // namespace
}  // namespace sluice::transport
