// A-03: what a signed token must be before anybody looks at its claims.
#include "jose/json_web_signature.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <boost/json.hpp>
#include <thread>

#include "base/base64.h"
#include "forge.h"

namespace sluice::jose {
namespace {

using ::testing::HasSubstr;

constexpr std::array kAllowed = {Algorithm::kRs384, Algorithm::kEs384};

// Made with the openssl program.
constexpr std::string_view kKnownRsaKeys =
    R"({"keys":[{"kty":"RSA","n":"yzhHTCYgURfALUjeH1EQoNUFbK7Jx1Gxn0auC8cW_JQHVkZJFhL5vwgn9mgRM01C5mYx4R5ssU3sfdgpfYSscK62J-GjpLCM7APyoCxmKzXDswaGGujM5YDaMQYrPRQ6u4Q6REelPyOiKbSPX_AFgXm_XVcdLkjbzXhEzGKbHZOvm7clVXgPcV0X8aAX-0I5ItjqGaCYQQxTdC2qPggtoN1tW-woUyvOPrFOTiODWvY4zeoEBaA04aaRp92cQZSirfw7oPn6540yzrkOYIgf9fqvEB1NpBL_PukpF50IjgHQ4TReSj4-QIjayqydPiG3ToomoiYw6SAphTVHjRfxKw","e":"AQAB","kid":"rsa","alg":"RS384"}]})";
constexpr std::string_view kKnownRs384 =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzM4NCIsImtpZCI6InJzYSJ9."
    "eyJpc3MiOiJhIiwiZXhwIjoxNzAwMDAwMDAwfQ."
    "qIMg2fKb-"
    "NtieQ6m6A7ujgC0eCxmk5aOwDhyIxvlMDjUnOrIwtPFHnbhnSCVFKTnaR5sRu5Dz9q0azClozNAbXvlzPnQAs8"
    "ymAo6StDEo6iDGk5cnfVxmrjaiGyfClkUEWyKTLGFJz_LqnQ9atC7mRYtD1K_Lz1vbuF2acd_i-"
    "Wo8MYPigpJKwcAFaxLQm"
    "m5SMKZefu1atLBKWtWrLM4eHN2O1gDUOzd88NRpfDQehlxtRXyVY-BY4zwPVUT2cM2haQKPqj6ZOvqB_"
    "0Lvag770u4rB9Rl"
    "QvvahBpKCZn7Mq9tazGkSkXiLDd8cB5bylNDtFmMTra4yyzK8lQ0s_9Sw";
constexpr std::string_view kKnownEcKeys =
    R"({"keys":[{"kty":"EC","crv":"P-384","x":"ORDi1gAHKY9ZLoix9oAdtP9UISkMbfLnE5FyOGKpRoixvepspnJy1OaxGHFFtNIl","y":"LI8vnrNTicsBQpiOTuidd8_JARnxzBlZzcNzSdIzGLNEOgDoGg9P5Vmv3AG3lTn5","kid":"ec"}]})";
constexpr std::string_view kKnownEs384 =
    "eyJhbGciOiJFUzM4NCIsImtpZCI6ImVjIn0.eyJpc3MiOiJhIiwiZXhwIjoxNzAwMDAwMDAwfQ."
    "2xors-D42S84lcHKt4T-GucNevhkBa6mUov1QpyRZNwC1uE5wo5q_9K-AnhLytBJAfYcBCsnGYLGiGS-"
    "7OuFbgVdiQqEjlc"
    "M4oIEIIFtNUYU4opaA5hb0OFw_zCN5iD0";

const std::string kPayload = R"({"iss":"a"})";

std::string header(std::string_view more = "", std::string_view alg = "ES384") {
  return fmt::format(R"({{"alg":"{}","kid":"{}"{}}})", alg, es384_key().kid(), more);
}
JwkSet keys_of(std::initializer_list<const PrivateJwk*> keys) {
  JwkSet set;
  for (const PrivateJwk* key : keys) set.add(key->public_part());
  return set;
}
// A private key's public part under another kid.
Jwk renamed(const PrivateJwk& key, const std::string& kid) {
  auto object = boost::json::parse(key.public_part().to_json()).as_object();
  object["kid"] = kid;
  return Jwk::parse(boost::json::serialize(object)).value();
}
std::string refusal(std::string_view token, const JwkSet& keys = keys_of({&es384_key()})) {
  const auto verified = verify_jwt(token, keys, kAllowed);
  return verified ? "(taken)" : verified.error().message;
}

TEST(Jws, VerifiesTokensOfAnotherImplementation) {
  for (const auto& [token, keys] :
       {std::pair(kKnownRs384, kKnownRsaKeys), std::pair(kKnownEs384, kKnownEcKeys)}) {
    const auto verified = verify_jwt(token, JwkSet::parse(keys).value(), kAllowed);
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(verified->payload.at("iss"), "a");
    EXPECT_EQ(verified->payload.at("exp"), 1700000000);
  }
}

TEST(Jws, SignsWhatItVerifiesWithEveryAlgorithm) {
  for (const Algorithm algorithm : {Algorithm::kRs256, Algorithm::kRs384, Algorithm::kRs512,
                                    Algorithm::kPs256, Algorithm::kPs384, Algorithm::kPs512,
                                    Algorithm::kEs256, Algorithm::kEs384, Algorithm::kEs512}) {
    const PrivateJwk key = PrivateJwk::generate(algorithm).value();
    const std::string token = Jws::sign({{"sub", "\xc3\xa4"}}, key, {{"typ", "at+jwt"}}).value();
    const std::array allowed = {algorithm};
    const auto verified = verify_jwt(token, keys_of({&key}), allowed);
    ASSERT_TRUE(verified) << to_string(algorithm) << verified.error().message;
    EXPECT_EQ(verified->payload.at("sub"), "\xc3\xa4");
    EXPECT_EQ(verified->header.at("typ"), "at+jwt");
    EXPECT_EQ(verified->header.at("kid"), boost::json::string_view(key.kid()));
    EXPECT_EQ(verified->header.at("alg"), boost::json::string_view(to_string(algorithm)));
  }
}

TEST(Jws, TheForgeIsRightWhenNothingIsWrong) {
  EXPECT_EQ(refusal(forge(header(), kPayload, es384_key())), "(taken)");
}

TEST(Jws, RefusesHeadersThatAreWrongUnderARightSignature) {
  struct Case {
    std::string header;
    const char* message;
  };
  const std::vector<Case> cases = {
      {header(R"(,"crit":["exp"])"), "crit"},
      {header(R"(,"crit":[])"), "crit"},
      {header(R"(,"b64":false,"crit":["b64"])"), "crit"},
      {header(R"(,"b64":false)"), "b64"},
      {header(R"(,"b64":true)"), "b64"},
      {header(R"(,"alg":"ES384")"), "twice"},
      {header(R"(,"kid":"other")"), "twice"},
      {header(R"(,"\u006bid":"other")"), "twice"},
      {header(R"(,"x":{"a":1,"a":2})"), "twice"},
      {header(R"(,"x":[[[[[[[[[[1]]]]]]]]]])"), "deep"},
      {R"({"alg":"ES384"})", "kid"},
      {R"({"alg":"ES384","kid":""})", "kid"},
      {R"({"alg":"ES384","kid":7})", "kid"},
      {R"({"alg":"ES384","kid":")" + std::string(257, 'k') + "\"}", "kid"},
      {R"({"alg":"ES384","kid":"unknown"})", "no key"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(refusal(forge(c.header, kPayload, es384_key())), HasSubstr(c.message)) << c.header;
}

TEST(Jws, RefusesNoneHmacAndAlgorithmsThatAreNotAllowed) {
  const std::string own = es384_key().public_part().to_json();
  for (const char* alg : {"none", "None", "NONE", "", "HS256", "HS384", "HS512", "es384", "ES384 ",
                          "ES256", "RS256", "RS1", "dir", "EdDSA"}) {
    EXPECT_THAT(refusal(put_together(header("", alg), kPayload, "x")), HasSubstr("alg")) << alg;
    EXPECT_THAT(refusal(forge_hs384(header("", alg), kPayload, own)), HasSubstr("alg")) << alg;
  }
  EXPECT_THAT(refusal(put_together(header("", "none"), kPayload, "")), HasSubstr("signature"));
  for (const char* alg : {R"("alg":null)", R"("alg":["ES384"])", R"("alg":384)", R"("x":1)"})
    EXPECT_THAT(refusal(put_together(fmt::format(R"({{{},"kid":"k"}})", alg), kPayload, "x")),
                HasSubstr("alg"));
}

TEST(Jws, RefusesAnHmacUnderThePublicKeyAlsoWhenItCallsItselfEs384) {
  const std::string token = forge_hs384(header(), kPayload, es384_key().public_part().to_json());
  EXPECT_EQ(refusal(token), "the signature is wrong");
}

TEST(Jws, RefusesPayloadsThatAreNoObjectsWithSingleMembers) {
  for (const char* payload :
       {"", "[]", "\"a\"", "null", "7", "{", R"({"exp":1,"exp":2})", R"({"exp":1,"e\u0078p":2})",
        R"({"a":{"b":1,"b":1}})", "{}{}", R"({"exp":1e999})", R"({"exp":99999999999999999999999})",
        R"({"a":"\u0000"})", "{\"a\":\"\xff\"}", R"({'a':1})", R"({"a":1,})", R"({"a":NaN})",
        "\xef\xbb\xbf{}"})
    EXPECT_THAT(refusal(forge(header(), payload, es384_key())), HasSubstr("payload")) << payload;
  const std::string deep = R"({"a":)" + std::string(8, '[') + std::string(8, ']') + "}";
  EXPECT_THAT(refusal(forge(header(), deep, es384_key())), HasSubstr("deep"));
  const std::string fine = R"({"a":)" + std::string(7, '[') + std::string(7, ']') + "}";
  EXPECT_EQ(refusal(forge(header(), fine, es384_key())), "(taken)");
  EXPECT_EQ(refusal(forge(header(), R"({"a":"[[[[[[[[[[\"[["})", es384_key())), "(taken)");
}

TEST(Jws, RefusesOversizedTokensBeforeReadingThem) {
  const std::string token =
      forge(header(), R"({"a":")" + std::string(13'000, 'x') + "\"}", es384_key());
  EXPECT_GT(token.size(), kJwtSizeMax);
  EXPECT_EQ(verify_jwt(token, {}, kAllowed).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(verify_jwt(std::string(100'000'000, '.'), {}, kAllowed).error().kind,
            ErrorKind::kTooLarge);
}

TEST(Jws, RefusesOtherThanThreePartsPaddingAndOtherAlphabets) {
  const std::string token = forge(header(), kPayload, es384_key());
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  const std::string head = token.substr(0, first);
  const std::string body = token.substr(first + 1, second - first - 1);
  const std::string tail = token.substr(second + 1);
  for (const std::string& bad : {std::string(),
                                 std::string("."),
                                 std::string(".."),
                                 std::string("..."),
                                 head,
                                 head + ".",
                                 head + "." + body,
                                 head + "." + body + ".",
                                 head + ".." + tail,
                                 "." + body + "." + tail,
                                 "." + token,
                                 token + ".",
                                 head + "." + body + "." + tail + "." + tail,
                                 head + "=." + body + "." + tail,
                                 head + "." + body + "=." + tail,
                                 head + "." + body + "." + tail + "=",
                                 " " + token,
                                 token + "\n",
                                 token + " ",
                                 head + ".\n" + body + "." + tail,
                                 token + "A",
                                 token.substr(0, token.size() - 1),
                                 token.substr(0, token.size() - 4),
                                 head + "." + body + "." + tail + "AAAA",
                                 "Bearer " + token,
                                 std::string(token).replace(2, 1, "+"),
                                 std::string(token).replace(2, 1, std::string(1, '\0'))})
    EXPECT_NE(refusal(bad), "(taken)") << bad;
  for (std::size_t n = 0; n < token.size(); n += 7)
    EXPECT_NE(refusal(token.substr(0, n)), "(taken)") << n;
}

TEST(Jws, AnyChangedCharacterBreaksIt) {
  const std::string token = forge(header(), kPayload, es384_key());
  for (std::size_t i = 0; i < token.size(); i += 3) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed == token) continue;
    EXPECT_NE(refusal(changed), "(taken)") << i;
  }
}

TEST(Jws, ASignatureOfAnotherKeyUnderTheRightKidIsWrong) {
  EXPECT_EQ(refusal(forge(header(), kPayload, other_es384_key())), "the signature is wrong");
  EXPECT_EQ(refusal(put_together(header(), kPayload, std::string(96, '\0'))),
            "the signature is wrong");
}

TEST(Jws, TakesTheKeyOfTheKidThatFitsWhenSeveralHaveIt) {
  const std::string kid = es384_key().kid();
  JwkSet keys;
  keys.add(renamed(rs384_key(), kid));
  keys.add(renamed(other_es384_key(), kid));
  const std::string token = forge(header(), kPayload, es384_key());
  EXPECT_EQ(refusal(token, keys), "the signature is wrong");
  keys.add(es384_key().public_part());
  EXPECT_EQ(refusal(token, keys), "(taken)");

  JwkSet only_rsa;
  only_rsa.add(renamed(rs384_key(), kid));
  EXPECT_THAT(refusal(token, only_rsa), HasSubstr("not for this \"alg\""));
}

TEST(Jws, TriesAFewKeysOfOneKidOnly) {
  JwkSet keys;
  for (int i = 0; i < 4; ++i) keys.add(renamed(other_es384_key(), es384_key().kid()));
  keys.add(es384_key().public_part());
  EXPECT_EQ(refusal(forge(header(), kPayload, es384_key()), keys), "the signature is wrong");
}

TEST(Jws, TheMessagesHoldNothingOfTheToken) {
  const std::string token =
      forge(R"({"alg":"ES384","kid":"find-me"})", R"({"iss":"find-me"})", es384_key());
  EXPECT_THAT(refusal(token), ::testing::Not(HasSubstr("find-me")));
}

TEST(Jws, ManyThreadsUseOneKey) {
  const JwkSet keys = keys_of({&es384_key()});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto token = Jws::sign({{"i", i}}, es384_key());
        if (token && verify_jwt(*token, keys, kAllowed)) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 80);
}

}  // namespace
}  // namespace sluice::jose
