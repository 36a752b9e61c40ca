// A-03: each check of a client assertion, with the assertions that hostile clients send.
#include "smart/assertion.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "forge.h"
#include "smart_fixture.h"

namespace sluice::smart {
namespace {

using jose::es384_key;
using jose::other_es384_key;
using jose::rs384_key;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr const char* kEndpoint = "https://ehr.example/fhir/token";
constexpr const char* kOtherName = "https://ehr.example/auth/token";

/// Keys of clients with a JWKS URL, as a fetcher would have them.
class FakeFetcher final : public KeySource {
 public:
  Result<jose::JwkSet> keys(const Client& client, std::string_view kid) override {
    asked += fmt::format("{} {};", client.id, kid);
    if (failure) return *failure;
    if (client.jwks) return *client.jwks;
    return fetched;
  }
  jose::JwkSet fetched;
  std::optional<Error> failure;
  std::string asked;
};

class AssertionTest : public SmartTest {
 protected:
  AssertionTest() {
    open();
    Client acme = make_client("acme", es384_key());
    acme.jwks->add(rs384_key().public_part());
    EXPECT_TRUE(clients->add(std::move(acme)));
    EXPECT_TRUE(clients->add(make_client("other", other_es384_key())));
    Client by_url = make_client("by-url", es384_key());
    by_url.jwks.reset();
    by_url.jwks_url = "https://acme.example/jwks";
    EXPECT_TRUE(clients->add(std::move(by_url)));
    keys.fetched.add(es384_key().public_part());
  }
  void open() {
    clients = ClientRegistry::open(store(), clock).value();
    used = ExpiringIds::open(store(), clock, {std::string(kUsedAssertionsPrefix)}).value();
    options.audiences = {kEndpoint, kOtherName};
    verifier = std::make_unique<AssertionVerifier>(*clients, keys, *used, clock, options);
  }
  void restart() {
    verifier.reset();
    used.reset();
    clients.reset();
    reopen();
    open();
  }

  std::int64_t now() const { return clock.milliseconds / 1000; }
  /// The claims of an assertion that is right.
  json::object right(std::string_view client = "acme") {
    json::object claims;
    claims["iss"] = json::string_view(client);
    claims["sub"] = json::string_view(client);
    claims["aud"] = kEndpoint;
    claims["exp"] = now() + 60;
    claims["jti"] = fmt::format("jti {}", ++jtis);
    return claims;
  }
  json::object with(json::string_view name, json::value value) {
    json::object claims = right();
    claims[name] = std::move(value);
    return claims;
  }
  json::object without(json::string_view name) {
    json::object claims = right();
    claims.erase(name);
    return claims;
  }
  static std::string sign(const json::object& claims, const jose::PrivateJwk& key = es384_key(),
                          const json::object& header = {}) {
    return jose::Jws::sign(claims, key, header).value();
  }
  /// "" when it is taken, else the reason for the log. What the client is told is always the same.
  std::string refusal(std::string_view assertion) {
    const auto client = verifier->verify(assertion);
    if (client) return "";
    EXPECT_EQ(client.error().code, OAuthCode::kInvalidClient);
    EXPECT_EQ(client.error().description, "the client assertion is not accepted");
    return client.error().detail;
  }

  FakeFetcher keys;
  RegisteredKeys registered;
  AssertionOptions options;
  std::unique_ptr<ClientRegistry> clients;
  std::unique_ptr<ExpiringIds> used;
  std::unique_ptr<AssertionVerifier> verifier;
  int jtis = 0;
};

TEST_F(AssertionTest, TheClientThatSignedIsFound) {
  EXPECT_EQ(verifier->verify(sign(right())).value()->id, "acme");
  EXPECT_EQ(verifier->verify(sign(right(), rs384_key())).value()->id, "acme");
  EXPECT_EQ(verifier->verify(sign(right("other"), other_es384_key())).value()->id, "other");
}

TEST_F(AssertionTest, A03ClaimsAreChecked) {
  struct Case {
    const char* what;
    json::object claims;
    const char* detail;
  };
  const double exp = static_cast<double>(now()) + 60;
  const std::vector<Case> cases = {
      {"as it should be", right(), ""},
      {"iss missing", without("iss"), "iss"},
      {"sub missing", without("sub"), "sub"},
      {"iss is not sub", with("sub", "other"), "iss"},
      {"iss is a number", with("iss", 7), "iss"},
      {"iss is a list", with("iss", json::array{"acme"}), "iss"},
      {"unknown client", right("nobody"), "unknown client"},
      {"client id with a slash", right("../acme"), "unknown client"},
      {"client id in capitals", right("ACME"), "unknown client"},
      {"another client", right("other"), "no key has"},
      {"aud missing", without("aud"), "aud"},
      {"aud is another server", with("aud", "https://evil.example/token"), "aud"},
      {"aud is the base", with("aud", "https://ehr.example/fhir"), "aud"},
      {"aud has a slash more", with("aud", "https://ehr.example/fhir/token/"), "aud"},
      {"aud in another case", with("aud", "https://EHR.example/fhir/token"), "aud"},
      {"aud is the other name", with("aud", kOtherName), ""},
      {"aud is a list with ours", with("aud", json::array{"https://x.example", kEndpoint}), ""},
      {"aud is a list without ours", with("aud", json::array{"https://x.example"}), "aud"},
      {"aud is an empty list", with("aud", json::array{}), "aud"},
      {"aud is a list with a number", with("aud", json::array{kEndpoint, 1}), "aud"},
      {"aud is a long list", with("aud", json::array(100, kEndpoint)), "aud"},
      {"aud is a number", with("aud", 1), "aud"},
      {"aud is null", with("aud", nullptr), "aud"},
      {"exp missing", without("exp"), "exp"},
      {"exp is a string", with("exp", std::to_string(now() + 60).c_str()), "exp"},
      {"exp has a fraction", with("exp", exp + 0.5), ""},
      {"exp has a fraction and is past", with("exp", exp - 90.001), "past"},
      {"exp has a fraction and is past within the skew", with("exp", exp - 89.999), ""},
      {"exp is a float without a fraction", with("exp", exp), ""},
      {"exp is a huge float", with("exp", 1e300), "exp"},
      {"exp is a negative float", with("exp", -0.5), "exp"},
      {"exp is null", with("exp", nullptr), "exp"},
      {"exp is true", with("exp", true), "exp"},
      {"exp is negative", with("exp", -1), "exp"},
      {"exp is 0", with("exp", 0), "exp"},
      {"exp is huge", with("exp", INT64_MAX), "exp"},
      {"exp would overflow", with("exp", INT64_MAX / 1000 + 1), "exp"},
      {"exp is in milliseconds", with("exp", (now() + 60) * 1000), "exp"},
      {"exp is past", with("exp", now() - 60), "past"},
      {"exp is past within the skew", with("exp", now() - 29), ""},
      {"exp is past by the skew", with("exp", now() - 30), "past"},
      {"exp is 5 minutes ahead", with("exp", now() + 300), ""},
      {"exp is 5 minutes ahead by a clock within the skew", with("exp", now() + 329), ""},
      {"exp is so with a fraction", with("exp", static_cast<double>(now()) + 329.999), ""},
      {"exp is 5 minutes and the skew ahead", with("exp", now() + 330), "ahead"},
      {"exp is 6 minutes ahead", with("exp", now() + 360), "ahead"},
      {"exp is a year ahead", with("exp", now() + 31'536'000), "ahead"},
      {"iat is now", with("iat", now()), ""},
      {"iat is a float", with("iat", static_cast<double>(now()) - 0.5), ""},
      {"iat is long past", with("iat", now() - 86'400), ""},
      {"iat is in the future within the skew", with("iat", now() + 30), ""},
      {"iat is in the future", with("iat", now() + 31), "iat"},
      {"iat is a string", with("iat", "now"), "iat"},
      {"iat is negative", with("iat", -1), "iat"},
      {"iat is huge", with("iat", INT64_MAX), "iat"},
      {"iat is a huge float", with("iat", 1e300), "iat"},
      {"nbf is now", with("nbf", now()), ""},
      {"nbf is in the future", with("nbf", now() + 31), "nbf"},
      {"nbf is null", with("nbf", nullptr), "nbf"},
      {"jti missing", without("jti"), "jti"},
      {"jti is a number", with("jti", 1), "jti"},
      {"jti is empty", with("jti", ""), "jti"},
      {"jti is null", with("jti", nullptr), "jti"},
      {"jti has 256 bytes", with("jti", json::string(256, 'x')), ""},
      {"jti has 257 bytes", with("jti", json::string(257, 'x')), "jti"},
      {"jti is any text", with("jti", "../../\xc3\xa4 /\n"), ""},
  };
  for (const Case& c : cases) {
    const std::string detail = refusal(sign(c.claims));
    if (*c.detail == '\0')
      EXPECT_EQ(detail, "") << c.what;
    else
      EXPECT_THAT(detail, HasSubstr(c.detail)) << c.what;
  }
}

TEST_F(AssertionTest, A03AnAssertionOf330SecondsIsTooLongWhateverTheFractionOfOurSecond) {
  // A client counts from the second that it sees.
  for (const int milliseconds : {0, 1, 500, 999}) {
    clock.milliseconds = clock.milliseconds / 1000 * 1000 + milliseconds;
    EXPECT_EQ(refusal(sign(with("exp", now() + 329))), "") << milliseconds;
    EXPECT_THAT(refusal(sign(with("exp", now() + 330))), HasSubstr("ahead")) << milliseconds;
  }
}

TEST_F(AssertionTest, SignaturesAlgorithmsAndHeadersAreChecked) {
  const std::string payload = json::serialize(right());
  const std::string kid = es384_key().kid();
  const auto header = [&](const std::string& more, const char* alg = "ES384") {
    return fmt::format(R"({{"alg":"{}","kid":"{}"{}}})", alg, kid, more);
  };
  const std::string own = es384_key().public_part().to_json();
  struct Case {
    const char* what;
    std::string assertion;
  };
  const std::string fine = jose::forge(header(""), payload, es384_key());
  const std::string cut = fine.substr(0, fine.size() - 8);
  const std::vector<Case> cases = {
      {"empty", ""},
      {"a word", "assertion"},
      {"alg none without signature", jose::put_together(header("", "none"), payload, "")},
      {"alg none with a signature", jose::put_together(header("", "none"), payload, "x")},
      {"HS384 with the public key", jose::forge_hs384(header("", "HS384"), payload, own)},
      {"HS384 with the client id", jose::forge_hs384(header("", "HS384"), payload, "acme")},
      {"an HMAC called ES384", jose::forge_hs384(header(""), payload, own)},
      {"no kid", jose::forge(R"({"alg":"ES384"})", payload, es384_key())},
      {"unknown kid", jose::forge(R"({"alg":"ES384","kid":"nobody"})", payload, es384_key())},
      {"the key of another client", sign(right(), other_es384_key())},
      {"the kid of one's own, the key of another",
       jose::forge(header(""), payload, other_es384_key())},
      {"crit", jose::forge(header(R"(,"crit":["x"],"x":1)"), payload, es384_key())},
      {"b64 false", jose::forge(header(R"(,"crit":["b64"],"b64":false)"), payload, es384_key())},
      {"alg twice", jose::forge(header(R"(,"alg":"ES384")"), payload, es384_key())},
      {"a jku nobody registered",
       jose::forge(header(R"(,"jku":"https://evil.example/jwks")"), payload, es384_key())},
      {"truncated", cut},
      {"an extra part", fine + ".e30"},
      {"padding", fine + "="},
      {"too long", fine + std::string(20'000, 'A')},
      {"too deep",
       jose::forge(header(""), R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}",
                   es384_key())},
      {"a claim twice",
       jose::forge(header(""), payload.substr(0, payload.size() - 1) + R"(,"exp":9999999999})",
                   es384_key())},
  };
  for (const Case& c : cases) {
    const std::string detail = refusal(c.assertion);
    EXPECT_NE(detail, "") << c.what;
    // Long enough to be looked for without finding a word by chance.
    if (c.assertion.size() > 100) {
      EXPECT_THAT(detail, Not(HasSubstr(c.assertion.substr(0, 20)))) << c.what;
    }
  }
  EXPECT_EQ(refusal(fine), "") << "none of them used the id up";
}

TEST_F(AssertionTest, OtherAlgorithmsAreBehindAnOption) {
  const auto es256 = jose::PrivateJwk::generate(jose::Algorithm::kEs256).value();
  Client client = make_client("es256", es256);
  ASSERT_TRUE(clients->add(std::move(client)));
  EXPECT_THAT(refusal(sign(right("es256"), es256)), HasSubstr("alg"));
  options.algorithms.push_back(jose::Algorithm::kEs256);
  const AssertionVerifier lenient(*clients, keys, *used, clock, options);
  EXPECT_TRUE(lenient.verify(sign(right("es256"), es256)));
}

TEST_F(AssertionTest, AJkuMustBeTheRegisteredUrl) {
  const auto sign_with = [&](const char* client, const char* jku) {
    return sign(right(client), es384_key(), {{"jku", jku}});
  };
  EXPECT_EQ(refusal(sign_with("by-url", "https://acme.example/jwks")), "");
  EXPECT_THAT(refusal(sign_with("by-url", "https://acme.example/jwks2")), HasSubstr("jku"));
  EXPECT_THAT(refusal(sign_with("by-url", "")), HasSubstr("jku"));
  EXPECT_THAT(refusal(sign_with("acme", "https://acme.example/jwks")), HasSubstr("jku"));
  EXPECT_THAT(refusal(sign_with("acme", "")), HasSubstr("jku"));
  EXPECT_EQ(refusal(sign(right("by-url"))), "");
}

TEST_F(AssertionTest, TheKeySourceIsAskedWithClientAndKidOnlyWhenTheRestIsRight) {
  refusal(sign(with("aud", "x")));
  refusal(sign(right("nobody")));
  EXPECT_EQ(keys.asked, "");
  EXPECT_EQ(refusal(sign(right("by-url"))), "");
  EXPECT_EQ(keys.asked, fmt::format("by-url {};", es384_key().kid()));
}

TEST_F(AssertionTest, KeysThatCannotBeHadNowAreNotTheClientsFault) {
  keys.failure = Error{ErrorKind::kTimeout, "the key server does not answer"};
  EXPECT_EQ(verifier->verify(sign(right("by-url"))).error().code,
            OAuthCode::kTemporarilyUnavailable);
  keys.failure = invalid("the set holds no keys");
  EXPECT_THAT(refusal(sign(right("by-url"))), HasSubstr("the set holds no keys"));
  EXPECT_TRUE(registered.keys(*clients->find("acme"), "x"));
  EXPECT_EQ(registered.keys(*clients->find("by-url"), "x").error().kind, ErrorKind::kUnavailable);
}

TEST_F(AssertionTest, ADisabledAndARemovedClientAreRefused) {
  ASSERT_TRUE(clients->set_state("acme", ClientState::kDisabled));
  EXPECT_THAT(refusal(sign(right())), HasSubstr("disabled"));
  ASSERT_TRUE(clients->set_state("acme", ClientState::kActive));
  EXPECT_EQ(refusal(sign(right())), "");
  ASSERT_TRUE(clients->remove("acme"));
  EXPECT_THAT(refusal(sign(right())), HasSubstr("unknown client"));
}

TEST_F(AssertionTest, AnAssertionIsUsedOnce) {
  const json::object claims = right();
  EXPECT_EQ(refusal(sign(claims)), "");
  EXPECT_THAT(refusal(sign(claims)), HasSubstr("used before"));
  json::object later = claims;
  later["exp"] = now() + 200;
  EXPECT_THAT(refusal(sign(later, rs384_key())), HasSubstr("used before"));
  json::object of_other = right("other");
  of_other["jti"] = claims.at("jti");
  EXPECT_EQ(refusal(sign(of_other, other_es384_key())), "") << "each client has its own ids";
}

TEST_F(AssertionTest, AnAssertionIsUsedOnceAlsoAcrossARestart) {
  const std::string assertion = sign(right());
  EXPECT_EQ(refusal(assertion), "");
  restart();
  EXPECT_THAT(refusal(assertion), HasSubstr("used before"));
  // For as long as it could be taken, by the skew.
  clock.advance(std::chrono::seconds(89));
  restart();
  EXPECT_THAT(refusal(assertion), HasSubstr("used before"));
  clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(refusal(assertion), HasSubstr("past"));
}

TEST_F(AssertionTest, OnlyARightSignatureUsesAnIdUp) {
  const json::object claims = right();
  EXPECT_NE(refusal(sign(claims, other_es384_key())), "");
  EXPECT_EQ(refusal(sign(claims)), "");
}

TEST_F(AssertionTest, AnIdThatCannotBeKeptIsAServersError) {
  refuse_writes = true;
  const std::string assertion = sign(right());
  EXPECT_EQ(verifier->verify(assertion).error().code, OAuthCode::kServerError);
  refuse_writes = false;
  EXPECT_THAT(refusal(assertion), HasSubstr("used before"));
}

TEST_F(AssertionTest, OfManyThreadsWithOneAssertionExactlyOneWins) {
  for (int round = 0; round < 5; ++round) {
    const std::string assertion = sign(right());
    std::atomic<int> winners = 0;
    std::atomic<bool> go = false;
    std::vector<std::thread> threads;
    AssertionVerifier plain(*clients, registered, *used, clock, options);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        while (!go) std::this_thread::yield();
        if (plain.verify(assertion)) ++winners;
      });
    }
    go = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
  }
}

}  // namespace
}  // namespace sluice::smart
