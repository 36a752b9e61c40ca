#include "transport/redirect.h"

#include <gtest/gtest.h>

namespace sluice::transport {
namespace {

AnswerHeaders to(const std::string& location) {
  AnswerHeaders headers;
  headers.take("Location: " + location + "\r\n");
  return headers;
}

TEST(Redirect, L09IsAnAnswerThatNamesAnotherPlace) {
  for (const int status : {301, 302, 303, 307, 308})
    EXPECT_EQ(**redirect_target("GET", "https://a.example/x", status, to("/y")),
              "https://a.example/y")
        << status;
  for (const int status : {200, 201, 202, 300, 304, 305, 306, 404})
    EXPECT_FALSE(*redirect_target("GET", "https://a.example/x", status, to("/y"))) << status;
  EXPECT_FALSE(*redirect_target("GET", "https://a.example/x", 302, AnswerHeaders()));
}

// L-09: a kick-off by GET after a POST would have lost its parameters.
TEST(Redirect, L09AfterAPostA303IsTheAnswer) {
  EXPECT_FALSE(*redirect_target("POST", "https://a.example/x", 303, to("/y")));
  EXPECT_TRUE(*redirect_target("POST", "https://a.example/x", 302, to("/y")));
}

TEST(Redirect, L09NeverLeadsFromHttpsToHttp) {
  EXPECT_EQ(
      redirect_target("GET", "https://a.example/x", 302, to("http://a.example/x")).error().kind,
      ErrorKind::kForbidden);
  EXPECT_EQ(
      redirect_target("GET", "HTTPS://a.example/x", 302, to("http://a.example/x")).error().kind,
      ErrorKind::kForbidden);
  EXPECT_TRUE(*redirect_target("GET", "http://a.example/x", 302, to("https://a.example/x")));
}

TEST(Redirect, L08ToWhereNobodyCanGoIsAConflictThatTellsNoSecret) {
  const auto target = redirect_target("GET", "https://a.example/x", 302,
                                      to("https://me:s3cret@a.example/y?sig=s3cret"));
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(target.error().message,
            "'https://a.example/y' is not a URL to go to: user and password in it");
}

}  // namespace
}  // namespace sluice::transport
