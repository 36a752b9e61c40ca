// A-04: which keys a client may register, and that a private one never leaves.
#include "jose/json_web_key.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "forge.h"
#include "jose/base64url.h"

namespace sluice::jose {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// RFC 7638 section 3.1.
constexpr std::string_view kRfcRsa =
    R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})";
// RFC 7517 appendix A.1.
constexpr std::string_view kRfcEc =
    R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"})";

boost::json::object object_of(std::string_view text) {
  return boost::json::parse(boost::json::string_view(text.data(), text.size())).as_object();
}
std::string with(std::string_view text, boost::json::string_view name,
                 const boost::json::value_ref& value) {
  auto object = object_of(text);
  object[name] = static_cast<boost::json::value>(value);
  return boost::json::serialize(object);
}
std::string without(std::string_view text, boost::json::string_view name) {
  auto object = object_of(text);
  object.erase(name);
  return boost::json::serialize(object);
}
std::string refusal(std::string_view text) {
  const auto key = Jwk::parse(text);
  return key ? "(taken)" : key.error().message;
}

TEST(Jwk, ReadsAnRsaKeyAndItsThumbprintOfRfc7638) {
  const Jwk key = Jwk::parse(kRfcRsa).value();
  EXPECT_EQ(key.kid(), "2011-04-29");
  EXPECT_EQ(key.kind(), KeyKind::kRsa);
  EXPECT_EQ(key.bits(), 2048u);
  EXPECT_EQ(key.algorithm(), Algorithm::kRs256);
  EXPECT_EQ(key.thumbprint().value(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST(Jwk, ReadsAnEcKeyThatIsForEncryptionAndFitsNoSignature) {
  const Jwk key = Jwk::parse(kRfcEc).value();
  EXPECT_EQ(key.kind(), KeyKind::kEc);
  EXPECT_EQ(key.curve(), "P-256");
  EXPECT_EQ(key.bits(), 256u);
  EXPECT_FALSE(key.fits(Algorithm::kEs256));
}

TEST(Jwk, FitsTheAlgorithmsThatKindCurveAndAlgAllow) {
  const Jwk rsa = Jwk::parse(without(kRfcRsa, "alg")).value();
  EXPECT_TRUE(rsa.fits(Algorithm::kRs384));
  EXPECT_TRUE(rsa.fits(Algorithm::kPs384));
  EXPECT_FALSE(rsa.fits(Algorithm::kEs384));
  EXPECT_FALSE(Jwk::parse(kRfcRsa).value().fits(Algorithm::kRs384));
  const Jwk ec = Jwk::parse(without(kRfcEc, "use")).value();
  EXPECT_TRUE(ec.fits(Algorithm::kEs256));
  EXPECT_FALSE(ec.fits(Algorithm::kEs384));
  EXPECT_FALSE(ec.fits(Algorithm::kRs384));
}

TEST(Jwk, RespectsUseAndKeyOps) {
  const std::string plain = without(kRfcEc, "use");
  const auto fits = [&](boost::json::string_view name, const boost::json::value_ref& value) {
    return Jwk::parse(with(plain, name, value)).value().fits(Algorithm::kEs256);
  };
  EXPECT_TRUE(fits("use", "sig"));
  EXPECT_FALSE(fits("use", "other"));
  EXPECT_TRUE(fits("key_ops", boost::json::array{"verify"}));
  EXPECT_FALSE(fits("key_ops", boost::json::array{"deriveKey"}));
  EXPECT_FALSE(fits("key_ops", boost::json::array{}));
  EXPECT_FALSE(Jwk::parse(with(plain, "alg", "ECDH-ES")).value().fits(Algorithm::kEs256));
}

TEST(Jwk, RefusesWhatIsNoPublicKeyForSignaturesAndSaysWhy) {
  const std::string ec = without(kRfcEc, "use");
  struct Case {
    std::string text;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"{}", "kty"},
      {R"({"kty":7})", "kty"},
      {R"({"kty":"oct","k":"c2VjcmV0"})", "symmetric"},
      {R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
       "neither RSA nor EC"},
      {with(kRfcRsa, "n", "AQAB"), "17 bits"},
      {with(kRfcRsa, "n", base64url_encode(std::string(128, '\xff'))), "1024 bits"},
      {with(kRfcRsa, "n", base64url_encode(std::string(2048, '\xff'))), "16384 bits"},
      {with(kRfcRsa, "e", "AQ"), "exponent"},
      {with(kRfcRsa, "e", "AQAA"), "exponent"},
      {with(kRfcRsa, "e", base64url_encode(std::string(9, '\xff'))), "exponent"},
      {with(kRfcRsa, "e", "AQAB=="), "\"e\" is not base64url"},
      {with(kRfcRsa, "n", 5), "\"n\""},
      {without(kRfcRsa, "n"), "\"n\""},
      {with(kRfcRsa, "d", "AQAB"), "private"},
      {with(kRfcRsa, "alg", "HS256"), "asymmetric"},
      {with(kRfcRsa, "alg", "none"), "asymmetric"},
      {with(kRfcRsa, "alg", "ES384"), "does not fit"},
      {with(kRfcRsa, "alg", 1), "\"alg\" is not a string"},
      {with(kRfcRsa, "kid", 1), "kid"},
      {with(kRfcRsa, "kid", ""), "kid"},
      {with(kRfcRsa, "kid", std::string(257, 'k')), "kid"},
      {with(kRfcRsa, "use", 1), "use"},
      {with(kRfcRsa, "key_ops", "verify"), "key_ops"},
      {with(kRfcRsa, "key_ops", boost::json::array{1}), "key_ops"},
      {with(ec, "crv", "P-384"), "wrong length"},
      {with(ec, "crv", "secp256k1"), "curve"},
      {without(ec, "crv"), "crv"},
      {without(ec, "y"), "\"y\""},
      {with(ec, "x", base64url_encode(std::string(33, '\x01'))), "wrong length"},
      // Not on the curve.
      {with(ec, "x", base64url_encode(std::string(32, '\x01'))), "do not make a key"},
      {with(ec, "x", base64url_encode(std::string(32, '\0'))), "do not make a key"},
      {with(ec, "alg", "ES384"), "does not fit"},
      {R"({"kty":"RSA","kty":"EC"})", "twice"},
      {R"({"kty":"RSA","a":)" + std::string(50, '[') + std::string(50, ']') + "}", "deep"},
  };
  for (const Case& c : cases) EXPECT_THAT(refusal(c.text), HasSubstr(c.message)) << c.text;
  EXPECT_EQ(Jwk::parse(std::string(70'000, ' ')).error().kind, ErrorKind::kTooLarge);
}

TEST(PrivateJwk, GeneratesForEveryUsualAlgorithmAndSignsWithItsThumbprintAsKid) {
  struct Case {
    Algorithm algorithm;
    unsigned bits;
  };
  for (const Case& c : {Case{Algorithm::kEs256, 256}, Case{Algorithm::kEs384, 384},
                        Case{Algorithm::kEs512, 521}, Case{Algorithm::kRs384, 3072}}) {
    const PrivateJwk key = PrivateJwk::generate(c.algorithm).value();
    EXPECT_EQ(key.algorithm(), c.algorithm);
    EXPECT_EQ(key.public_part().bits(), c.bits);
    EXPECT_TRUE(key.public_part().fits(c.algorithm));
    EXPECT_EQ(key.kid(), key.public_part().thumbprint().value());
  }
}

TEST(PrivateJwk, ThePublicPartHoldsNoSecret) {
  for (const PrivateJwk* key : {&es384_key(), &rs384_key()}) {
    const auto open = object_of(key->public_part().to_json());
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
      EXPECT_FALSE(open.contains(name)) << name;
    EXPECT_TRUE(Jwk::parse(key->public_part().to_json()));
    EXPECT_TRUE(object_of(key->to_json()).contains("d"));
  }
}

TEST(PrivateJwk, IsReadBackFromItsText) {
  const PrivateJwk again = PrivateJwk::parse(es384_key().to_json()).value();
  EXPECT_EQ(again.kid(), es384_key().kid());
  EXPECT_EQ(again.to_json(), es384_key().to_json());
}

TEST(PrivateJwk, OneThatMaySignOnlyHasAPublicPartThatMayVerify) {
  const std::string text = with(es384_key().to_json(), "key_ops", boost::json::array{"sign"});
  EXPECT_TRUE(PrivateJwk::parse(text).value().public_part().fits(Algorithm::kEs384));
}

TEST(PrivateJwk, RefusesPublicSymmetricAndWrongKeysWithoutTellingTheSecret) {
  const std::string secret = es384_key().to_json();
  const std::string d(object_of(secret).at("d").as_string().c_str());
  for (const std::string& text :
       {std::string(kRfcRsa), std::string(R"({"kty":"oct","k":"c2VjcmV0","d":"x"})"),
        with(secret, "key_ops", boost::json::array{"deriveKey"}), with(secret, "use", "enc"),
        with(secret, "crv", "P-256"), with(secret, "alg", "ECDH-ES"), with(secret, "x", "AA"),
        // cjose ends the process at padding in the middle.
        with(secret, "d", "A=AA"), with(rs384_key().to_json(), "qi", "A=AA")}) {
    const auto key = PrivateJwk::parse(text);
    ASSERT_FALSE(key) << text;
    EXPECT_THAT(key.error().message + key.error().detail, Not(HasSubstr(d)));
  }
}

TEST(JwkSet, ReadsASetAndWritesIt) {
  const std::string text = fmt::format(R"({{"keys":[{},{}]}})", kRfcRsa, kRfcEc);
  const JwkSet set = JwkSet::parse(text).value();
  ASSERT_EQ(set.keys().size(), 2u);
  EXPECT_TRUE(set.has_kid("2011-04-29"));
  EXPECT_FALSE(set.has_kid("2"));
  EXPECT_EQ(JwkSet::parse(set.to_json()).value().keys().size(), 2u);
  EXPECT_TRUE(JwkSet::parse(R"({"keys":[]})").value().keys().empty());
}

TEST(JwkSet, ARefusedKeyRefusesTheSetAndIsNamedUnlessItMayBeSkipped) {
  const std::string text =
      fmt::format(R"({{"keys":[{},{{"kty":"oct","k":"c2VjcmV0"}},7,{{"kty":"OKP"}}]}})", kRfcRsa);
  const auto strict = JwkSet::parse(text);
  ASSERT_FALSE(strict);
  EXPECT_THAT(strict.error().message, HasSubstr("keys[1]: the key is symmetric"));
  EXPECT_EQ(JwkSet::parse(text, JwkSet::Unusable::kSkip).value().keys().size(), 1u);
}

TEST(JwkSet, HasLimits) {
  EXPECT_EQ(JwkSet::parse(std::string((64 << 10) + 1, ' ')).error().kind, ErrorKind::kTooLarge);
  std::string many = R"({"keys":[)";
  for (int i = 0; i < 101; ++i) many += i == 0 ? "{}" : ",{}";
  EXPECT_EQ(JwkSet::parse(many + "]}", JwkSet::Unusable::kSkip).error().kind, ErrorKind::kTooLarge);
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[],"keys":[]})"})
    EXPECT_FALSE(JwkSet::parse(text, JwkSet::Unusable::kSkip)) << text;
}

}  // namespace
}  // namespace sluice::jose
