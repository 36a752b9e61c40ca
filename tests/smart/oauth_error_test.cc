// A-02: errors as RFC 6749 section 5.2 writes them.
#include "smart/oauth_error.h"

#include <gtest/gtest.h>

namespace sluice::smart {
namespace {

TEST(OAuthError, HasTheCodesAndStatusesOfTheStandards) {
  struct Case {
    OAuthCode code;
    const char* text;
    unsigned status;
  };
  for (const Case& c : {Case{OAuthCode::kInvalidRequest, "invalid_request", 400},
                        Case{OAuthCode::kInvalidClient, "invalid_client", 401},
                        Case{OAuthCode::kInvalidScope, "invalid_scope", 400},
                        Case{OAuthCode::kUnauthorizedClient, "unauthorized_client", 400},
                        Case{OAuthCode::kUnsupportedGrantType, "unsupported_grant_type", 400},
                        Case{OAuthCode::kSlowDown, "temporarily_unavailable", 429},
                        Case{OAuthCode::kTemporarilyUnavailable, "temporarily_unavailable", 503},
                        Case{OAuthCode::kServerError, "server_error", 500}}) {
    EXPECT_EQ(to_string(c.code), c.text);
    EXPECT_EQ(http_status(c.code), c.status);
  }
}

TEST(OAuthError, ADescriptionHoldsOnlyWhatRfc6749Allows) {
  EXPECT_EQ(to_json({OAuthCode::kInvalidScope, "a 'b' \"c\" \\ \n \xc3\xa4", "secret"}),
            R"({"error":"invalid_scope","error_description":"a 'b' ?c? ? ? ??"})");
  EXPECT_EQ(to_json({OAuthCode::kInvalidClient, ""}), R"({"error":"invalid_client"})");
}

TEST(OAuthError, AServersErrorKeepsItsReasonsForTheLog) {
  const OAuthError failed = server_error(storage_error("no room", "/data/store"));
  EXPECT_EQ(failed.code, OAuthCode::kServerError);
  EXPECT_EQ(failed.description, "the server failed");
  EXPECT_EQ(failed.detail, "no room: /data/store");
  EXPECT_EQ(server_error({ErrorKind::kTimeout, "slow"}).code, OAuthCode::kTemporarilyUnavailable);
}

}  // namespace
}  // namespace sluice::smart
