// A-04: which keys a client may register, and that a private one never leaves.
#include "jose/json_web_key.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/base64.h"
#include "forge.h"

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
  EXPECT_EQ(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
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
    EXPECT_EQ(key.kid(), key.public_part().thumbprint());
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

// Made by `openssl ecparam -genkey`, `openssl genrsa -traditional` and others; the thumbprints by
// Python.
constexpr const char* kEcPem = R"(-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIH4GygDoPTfAB5QyX690I6teUYHpXfCiYHwyTNsEpXLPoAoGCCqGSM49
AwEHoUQDQgAE8I8yq5orFNmii6Q3LUPyigKmYX9Gbg+CeLsZGuYrl7OralaXxyJH
x5sIwL9bzxFtUymHXCrFQWqxLUqM+Lc//g==
-----END EC PRIVATE KEY-----
)";
constexpr const char* kRsaPem = R"(-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAijDEIqFeolssvSPCtmkBNiRnRCM4JvgN0+iAbEqp8VPN/Xdj
bPYl8Sasz1+Cv8p6lqevClAGnxcWan7rT+yKxBxz2mloeF3QN2lRxEpiyBYqi5q+
t3hl5mtU3BZxpJZVD34WWPU+KK5hI2a7Q1CnefThU87GPl2ojL4DlVP6ADBiXRDf
fCff7EYfMWqzBgk+RvM05oa6l5a4WTUgEbhvapM0zFd3PyRIDryzbN+tHNu/7kdo
DTHjZRlo3msAPuZHXvmFclj3eNGFxxMYVOOAq6RY5ScQbx78wcvc//vCcqmIBHJL
grzY8qeZT3DQXCwkeuDqp4DIhnMNcVJuj7/dlQIDAQABAoIBABRXEzd/Bb04qwAi
owaoXrDycMS7Dl57WnBbeN5NAHCbWObloMZ+q0ewh/UfZiZcDj6IlfTFogPeqRep
xhxbK8hWi8g/2vcEj/Y9U/dkH4q7QIM7QWEjS+m7g0prKfUDhPz6c8hKPgj3idK6
d0vJiQJ5by/KcAGUADrJvnXyCLU9h9q2TO0VcalM6FtW6AwMK3LyUp+IfvYo0E5e
LOi3SIdycsXWc7p3G7WN/xceM58NWqOuYv5N/ugXwQu2DRWioktKKGCBLAxmMV0M
xkqn1WVaHanGl7LDQ5eZmE6B9RnMhxCZScbNqjuWpgmoToAzu++7Yvp/pSzFW2KX
imjNny0CgYEAwt/mxcadbWVA15+oTDYqYrk1hgl2sODHTs2UrAlWnfRSByiXoVxR
GbEU2AAekquqya1cBZx1QM4ayMkW8Tgi0xJLUG2cPGkLHNwhPWyHpDPpntsffvBd
ToentpgGrgJokLzipQovgP/8ahuC8D2xQmC2YICkVUbNDwrSSWdi2wcCgYEAtYk5
/29Bv00tjnlRt6ZU97nIijeylRzbZTb9xfONlSoiOnxOm1yfqABIeB1KQLQ8uglf
n5EhxJ5obBBvEA1TdFrJetv8ZlganTyOWlflrLhIwH/xSjZBELBZEgfT3SpDgicP
SDQUaAGBxIAzZwBMpjpHMz2xvZb/0pzza3wQr4MCgYAETLhkyLsUfNVvbIBkHhXV
U8zQhkjuIieDn5mWKiaVGZztt4GQ9956OKQDGA2UouEDziVnokocAfApWfZ9oAV0
rsSmo6R82Lx8CIdbOZfMkbCn5qHNRTRp1ShoKPaMxFTWTLSbe5wMtpk1JiI/dr0A
f+3GN1Bo6UUA/fYh1Hwj5QKBgBbJ4jj5m3RLWPOwsRxvyezLKqyHL2jelYAQNi06
VMSr5F4ZKrkAGJ67Yl2Jt7+FoLXt5U4fpvCKvisKqRaHxbkuiGpe4UFrv/OLHYej
zxYukBtyNDUPuH1C1fuYdfUmkBDvnFCBESq5PbQQL+O3OugHGtcI4J4fLYAf6cLN
cT7HAoGBAL08Cvg+OEF2NmiO3TEGweqPfaAfpQrGNPwGvDUFtncMnr6w8h5PSwSJ
Zvp7F6g5gX7miC0yJY+xsaa4zlv95zwvP1zbfIKFDJCufdTrsNdR/ZtfHLpBzDsv
CJCr39QDR0xCtiowqNVHAKkx4ZpnA1xNxAuBwkL7LaYCQscLzvIa
-----END RSA PRIVATE KEY-----
)";
constexpr const char* kEd25519Pem = R"(-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIKwyam8BoPDrJGH7VIF8zmuZSBQxQynn/rnqi8KM6r01
-----END PRIVATE KEY-----
)";
constexpr const char* kEncryptedPem = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgb+v1yRKlu+wICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFCSWzEQHCpLpQ5/t8+plV4EgZC0
6uBY1A5TpiU96IoPvay9IM/rDd1R6LevvKYvhuG5WYd1eLfeDe8g4YbOp7IODoU+
At0Y599flLjgAO6f+I2sYOmEZuwBIz+jSo38VZgcuUmLH8h0oDzXu1H0/0TtgFDt
b2WU1X9M5TtWSOgZujcxY6m05cnfHNk7igWEMOYmrF1McN7z6+t0U3OWpq7VyzU=
-----END ENCRYPTED PRIVATE KEY-----
)";

TEST(PrivateJwk, L14ReadsPemAndNamesItByItsThumbprint) {
  const auto ec = PrivateJwk::parse(kEcPem);
  ASSERT_TRUE(ec) << ec.error().message;
  EXPECT_EQ(ec->kid(), "GKHC6vh9hcuukuQ0UHwBzewd5mJNn_MuSbNUqSudciU");
  EXPECT_EQ(ec->algorithm(), Algorithm::kEs256);
  const auto rsa = PrivateJwk::parse(kRsaPem);
  ASSERT_TRUE(rsa) << rsa.error().message;
  EXPECT_EQ(rsa->kid(), "G8kZ11orzz0fTdOrwp3Gml8PPuUK_O_arwNG9ZGJbRM");
  EXPECT_EQ(rsa->algorithm(), Algorithm::kRs384);
  for (const char* text : {kEd25519Pem, kEncryptedPem, "-----BEGIN PRIVATE KEY-----\nx\n"})
    EXPECT_EQ(PrivateJwk::parse(text).error().kind, ErrorKind::kInvalid);
}

TEST(PrivateJwk, L14GoesThroughPemUnchanged) {
  for (const PrivateJwk* key : {&es384_key(), &rs384_key()}) {
    const auto pem = key->to_pem();
    ASSERT_TRUE(pem);
    EXPECT_THAT(*pem, HasSubstr("-----BEGIN PRIVATE KEY-----"));
    const auto again = PrivateJwk::parse(*pem);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->kid(), key->kid());
    for (const char* name : {"d", "x", "y", "n", "e", "qi"})
      EXPECT_EQ(object_of(again->to_json()).if_contains(name) == nullptr
                    ? boost::json::value()
                    : object_of(again->to_json()).at(name),
                object_of(key->to_json()).if_contains(name) == nullptr
                    ? boost::json::value()
                    : object_of(key->to_json()).at(name))
          << name;
  }
}

TEST(PrivateJwk, L14ReadsASetWithOnePrivateKey) {
  const std::string secret = es384_key().to_json();
  const std::string open = es384_key().public_part().to_json();
  const auto read = [](const std::string& keys) {
    return PrivateJwk::parse(R"({"keys":[)" + keys + "]}");
  };
  const auto key = read(open + "," + secret + "," + std::string(kRfcRsa));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->to_json(), secret);
  EXPECT_THAT(read(secret + "," + secret).error().message, HasSubstr("more than one"));
  EXPECT_THAT(read(open).error().message, HasSubstr("no private key"));
}

TEST(PrivateJwk, L14WithoutAKidItIsTheThumbprint) {
  auto object = object_of(es384_key().to_json());
  object.erase("kid");
  const auto key = PrivateJwk::parse(boost::json::serialize(object));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->kid(), es384_key().kid());
  EXPECT_EQ(object_of(key->public_part().to_json()).at("kid").as_string(), es384_key().kid());
}

TEST(PrivateJwk, L14WhatIsGeneratedSaysWhatItIsFor) {
  EXPECT_EQ(object_of(es384_key().to_json()).at("key_ops"), boost::json::array{"sign"});
  EXPECT_EQ(object_of(es384_key().public_part().to_json()).at("key_ops"),
            boost::json::array{"verify"});
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
