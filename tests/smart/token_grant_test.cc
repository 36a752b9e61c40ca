// A-02, A-06, A-12: a token request in, a token or an OAuth error out, one audit line each.
#include "smart/token_grant.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "forge.h"
#include "jose/json_web_signature.h"
#include "smart_fixture.h"

namespace sluice::smart {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TokenGrantTest : public SmartTest {
 protected:
  TokenGrantTest() {
    clients = ClientRegistry::open(store(), clock).value();
    EXPECT_TRUE(clients->add(
        make_client("acme", jose::es384_key(), "system/Patient.rs system/Observation.read")));
    used = ExpiringIds::open(store(), clock, {std::string(kUsedAssertionsPrefix)}).value();
    AssertionOptions assertion;
    assertion.audiences = {"https://ehr.example/token"};
    verifier = std::make_unique<AssertionVerifier>(*clients, keys, *used, clock, assertion);
    AccessTokenOptions token;
    token.issuer = "https://ehr.example/fhir";
    tokens = AccessTokens::open(store(), *clients, clock, token).value();
    audit = AuditLog::open(temporary.path() / "audit", clock).value();
    grants = std::make_unique<TokenGrant>(*verifier, *tokens, audit.get());
  }
  TokenRequest request(std::string scope = "system/*.read") {
    TokenRequest request;
    request.grant_type = "client_credentials";
    request.client_assertion_type = kJwtBearer;
    request.client_assertion = jose::Jws::sign({{"iss", "acme"},
                                                {"sub", "acme"},
                                                {"aud", "https://ehr.example/token"},
                                                {"exp", clock.milliseconds / 1000 + 60},
                                                {"jti", fmt::format("jti {}", ++jtis).c_str()}},
                                               jose::es384_key())
                                   .value();
    request.scope = std::move(scope);
    request.address = "192.0.2.7";
    return request;
  }
  std::vector<std::string> audited() const {
    std::vector<std::string> lines;
    std::ifstream file(temporary.path() / "audit" / "audit-20231114-001.ndjson");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  TemporaryFolder temporary;
  RegisteredKeys keys;
  std::unique_ptr<ClientRegistry> clients;
  std::unique_ptr<ExpiringIds> used;
  std::unique_ptr<AssertionVerifier> verifier;
  std::unique_ptr<AccessTokens> tokens;
  std::unique_ptr<AuditLog> audit;
  std::unique_ptr<TokenGrant> grants;
  int jtis = 0;
};

TEST_F(TokenGrantTest, GrantsWhatIsAskedAndRegistered) {
  const auto token = grants->grant(request());
  ASSERT_TRUE(token) << token.error().detail;
  EXPECT_EQ(token->scope, "system/Observation.read system/Patient.read");
  const auto claims = tokens->check(token->access_token).value();
  EXPECT_EQ(claims->client_id, "acme");
  EXPECT_EQ(claims->scopes.to_string(), token->scope);
  const auto lines = audited();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr(R"("code":"token-issued")"));
  EXPECT_THAT(lines[0], HasSubstr(R"("who":{"identifier":{"value":"acme"}})"));
  EXPECT_THAT(lines[0], HasSubstr("192.0.2.7"));
  EXPECT_THAT(lines[0], HasSubstr("system/Observation.read system/Patient.read"));
  EXPECT_THAT(lines[0], Not(HasSubstr(token->access_token.substr(0, 40))));
  EXPECT_THAT(lines[0], Not(HasSubstr("eyJ"))) << "no token, no assertion";
}

TEST_F(TokenGrantTest, TellsHowManyThereWereAndWhatTheyTookByResult) {
  TokenGrantOptions options;
  TokenGrant counted(*verifier, *tokens, audit.get(), options);
  EXPECT_TRUE(counted.grant(request()));
  EXPECT_TRUE(counted.grant(request()));
  auto wrong = request();
  wrong.client_assertion += "A";
  EXPECT_FALSE(counted.grant(wrong));
  const std::string text = options.metrics->text();
  EXPECT_THAT(text, HasSubstr("# TYPE sluice_token_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("sluice_token_seconds_count{result=\"issued\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("sluice_token_seconds_count{result=\"invalid_client\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("acme")));
}

TEST_F(TokenGrantTest, RefusesWithTheCodesOfRfc6749) {
  struct Case {
    const char* what;
    std::function<void(TokenRequest&)> change;
    OAuthCode code;
  };
  const std::vector<Case> cases = {
      {"no grant_type", [](auto& r) { r.grant_type.clear(); }, OAuthCode::kInvalidRequest},
      {"another grant_type", [](auto& r) { r.grant_type = "authorization_code"; },
       OAuthCode::kUnsupportedGrantType},
      {"no client_assertion_type", [](auto& r) { r.client_assertion_type.clear(); },
       OAuthCode::kInvalidRequest},
      {"another client_assertion_type", [](auto& r) { r.client_assertion_type = "x"; },
       OAuthCode::kInvalidRequest},
      {"no assertion", [](auto& r) { r.client_assertion.clear(); }, OAuthCode::kInvalidRequest},
      {"a wrong assertion", [](auto& r) { r.client_assertion += "A"; }, OAuthCode::kInvalidClient},
      {"another client_id", [](auto& r) { r.client_id = "other"; }, OAuthCode::kInvalidClient},
      {"no scope", [](auto& r) { r.scope.clear(); }, OAuthCode::kInvalidScope},
      {"blank scope", [](auto& r) { r.scope = "  "; }, OAuthCode::kInvalidScope},
      {"an unknown scope", [](auto& r) { r.scope = "system/Foo.rs"; }, OAuthCode::kInvalidScope},
      {"a user's scope", [](auto& r) { r.scope = "user/*.read"; }, OAuthCode::kInvalidScope},
      {"a scope with a query", [](auto& r) { r.scope = "system/Observation.rs?a=b"; },
       OAuthCode::kInvalidScope},
      {"a scope that is not registered", [](auto& r) { r.scope = "system/Group.rs"; },
       OAuthCode::kInvalidScope},
      {"a permission that is not registered", [](auto& r) { r.scope = "system/*.cud"; },
       OAuthCode::kInvalidScope},
  };
  for (const Case& c : cases) {
    TokenRequest changed = request();
    c.change(changed);
    const auto token = grants->grant(changed);
    ASSERT_FALSE(token) << c.what;
    EXPECT_EQ(token.error().code, c.code) << c.what;
    EXPECT_FALSE(token.error().description.empty()) << c.what;
  }
  const auto lines = audited();
  EXPECT_EQ(lines.size(), cases.size());
  for (const std::string& line : lines) {
    EXPECT_THAT(line, HasSubstr(R"("code":"token-refused")"));
    EXPECT_THAT(line, HasSubstr(R"("outcome":"4")"));
  }
}

TEST_F(TokenGrantTest, TheRightClientIdMayBeThere) {
  TokenRequest with_id = request();
  with_id.client_id = "acme";
  EXPECT_TRUE(grants->grant(with_id));
}

TEST_F(TokenGrantTest, AReplayIsRefusedAndAWrongScopeDoesNotUseTheAssertionUp) {
  TokenRequest same = request("system/Foo.rs");
  EXPECT_EQ(grants->grant(same).error().code, OAuthCode::kInvalidScope);
  same.scope = "system/*.rs";
  EXPECT_TRUE(grants->grant(same));
  EXPECT_EQ(grants->grant(same).error().code, OAuthCode::kInvalidClient);
}

TEST_F(TokenGrantTest, AGrantThatDoesNotFitATokenIsRefused) {
  // Short to ask for, long to grant: each scope asked, for each type that is registered.
  std::string registered;
  for (const fhir::ResourceType type : fhir::all_resource_types())
    registered += fmt::format("system/{}.cruds ", fhir::type_name(type));
  ASSERT_TRUE(clients->update("acme", [&](Client& client) -> Result<void> {
    client.scopes = ScopeSet::parse(registered).value();
    return {};
  }));
  EXPECT_TRUE(grants->grant(request("system/*.rs")));
  const auto token = grants->grant(request("system/*.r system/*.s system/*.rs system/*.read"));
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, OAuthCode::kInvalidScope);
  EXPECT_THAT(token.error().description, HasSubstr("fewer"));
}

TEST_F(TokenGrantTest, LimitsAnAddressAndSaysWhenToComeBack) {
  TokenGrant few(*verifier, *tokens, audit.get(), {2});
  EXPECT_TRUE(few.grant(request()));
  EXPECT_TRUE(few.grant(request()));
  const auto limited = few.grant(request());
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().code, OAuthCode::kSlowDown);
  EXPECT_GE(limited.error().retry_after.value().count(), 1);
  TokenRequest from_elsewhere = request();
  from_elsewhere.address = "192.0.2.8";
  EXPECT_TRUE(few.grant(from_elsewhere));
  EXPECT_EQ(audited().size(), 3u) << "a flood writes no lines";
}

TEST_F(TokenGrantTest, WhatCannotBeAuditedIsNotGiven) {
  ASSERT_TRUE(audit->stop());
  const auto token = grants->grant(request());
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, OAuthCode::kServerError);
  TokenGrant silent(*verifier, *tokens, nullptr);
  EXPECT_TRUE(silent.grant(request()));
}

}  // namespace
}  // namespace sluice::smart
