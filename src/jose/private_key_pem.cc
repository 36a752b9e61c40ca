#include "jose/private_key_pem.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <array>
#include <climits>
#include <memory>
#include <vector>

#include "base/base64.h"
#include "jose/jose_json.h"

namespace sluice::jose {
namespace {

constexpr std::size_t kPemSizeMax = 64u << 10;
constexpr std::size_t kJwkDepthMax = 8;

struct Free {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

struct Member {
  const char* jwk;
  const char* openssl;
};
constexpr std::array<Member, 8> kRsaMembers = {{{"n", OSSL_PKEY_PARAM_RSA_N},
                                                {"e", OSSL_PKEY_PARAM_RSA_E},
                                                {"d", OSSL_PKEY_PARAM_RSA_D},
                                                {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                                {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                                {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                                {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                                {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}}};
constexpr std::array<Member, 3> kEcMembers = {{{"x", OSSL_PKEY_PARAM_EC_PUB_X},
                                               {"y", OSSL_PKEY_PARAM_EC_PUB_Y},
                                               {"d", OSSL_PKEY_PARAM_PRIV_KEY}}};
struct Curve {
  std::string_view jwk;
  std::string_view openssl;
  int size;  // of a coordinate, in bytes
};
constexpr std::array<Curve, 3> kCurves = {
    {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}}};

// No password is asked for on the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

// A number of a key as base64url, at least `size` bytes long.
Result<void> put_number(json_t* json, const EVP_PKEY* key, const Member& member, int size) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, member.openssl, &raw) != 1)
    return invalid("the PEM key lacks a number");
  const Owned<BIGNUM> number(raw);
  std::string bytes(static_cast<std::size_t>(std::max(size, BN_num_bytes(raw))), '\0');
  BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  json_object_set_new(json, member.jwk, json_string(base64url_encode(bytes).c_str()));
  return {};
}

Result<Owned<BIGNUM>> number_of(const json_t* json, const char* name) {
  const json_t* member = string_member(json, name);
  const auto bytes =
      member == nullptr ? Result<std::string>(invalid("")) : base64url_decode(text_of(member));
  if (!bytes || bytes->size() > INT_MAX)
    return Error{ErrorKind::kInvalid, std::string("the key has no \"") + name + "\""};
  return Owned<BIGNUM>(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()),
                                 static_cast<int>(bytes->size()), nullptr));
}

}  // namespace

bool is_pem(std::string_view text) {
  return text.find("-----BEGIN ") != std::string_view::npos;
}

Result<std::string> jwk_of_pem(std::string_view pem) {
  if (pem.size() > kPemSizeMax) return invalid("the PEM key is too long");
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (key == nullptr)
    return invalid("the PEM holds no private key that can be read (an encrypted one cannot)");
  const JsonPtr json = adopt(json_object());
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    json_object_set_new(json.get(), "kty", json_string("RSA"));
    for (const auto& member : kRsaMembers)
      SLUICE_RETURN_IF_ERROR(put_number(json.get(), key.get(), member, 1));
    return dump(json.get());
  }
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (EVP_PKEY_is_a(key.get(), "EC") != 1 ||
      EVP_PKEY_get_group_name(key.get(), name.data(), name.size(), &size) != 1)
    return invalid("the PEM key is neither RSA nor EC");
  for (const auto& curve : kCurves) {
    if (curve.openssl != std::string_view(name.data(), size)) continue;
    json_object_set_new(json.get(), "kty", json_string("EC"));
    json_object_set_new(json.get(), "crv", json_string(std::string(curve.jwk).c_str()));
    for (const auto& member : kEcMembers)
      SLUICE_RETURN_IF_ERROR(put_number(json.get(), key.get(), member, curve.size));
    return dump(json.get());
  }
  return invalid("the EC key's curve is not one of P-256, P-384, P-521");
}

Result<std::string> pem_of_jwk(std::string_view jwk) {
  const Error failed{ErrorKind::kInternal, "the key cannot be written as PEM"};
  SLUICE_ASSIGN_OR_RETURN(const JsonPtr json, parse_object(jwk, kJwkDepthMax));
  const json_t* kind = string_member(json.get(), "kty");
  const bool is_rsa = kind != nullptr && text_of(kind) == "RSA";
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  std::vector<Owned<BIGNUM>> numbers;  // the builder only looks at them
  std::string point;
  if (is_rsa) {
    for (const auto& member : kRsaMembers) {
      SLUICE_ASSIGN_OR_RETURN(auto number, number_of(json.get(), member.jwk));
      OSSL_PARAM_BLD_push_BN(builder.get(), member.openssl, number.get());
      numbers.push_back(std::move(number));
    }
  } else {
    const json_t* name = string_member(json.get(), "crv");
    const Curve* curve = nullptr;
    for (const auto& each : kCurves)
      if (name != nullptr && each.jwk == text_of(name)) curve = &each;
    if (curve == nullptr) return failed;
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                    curve->openssl.data(), curve->openssl.size());
    point.push_back('\x04');  // uncompressed
    for (const char* coordinate : {"x", "y"}) {
      SLUICE_ASSIGN_OR_RETURN(const auto bytes,
                              base64url_decode(text_of(string_member(json.get(), coordinate))));
      point += bytes;
    }
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                     point.size());
    SLUICE_ASSIGN_OR_RETURN(auto secret, number_of(json.get(), "d"));
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get());
    numbers.push_back(std::move(secret));
  }
  const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const Owned<EVP_PKEY_CTX> context(
      EVP_PKEY_CTX_new_from_name(nullptr, is_rsa ? "RSA" : "EC", nullptr));
  EVP_PKEY* raw = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_KEYPAIR, parameters.get()) != 1)
    return failed;
  const Owned<EVP_PKEY> key(raw);
  const Owned<BIO> bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1)
    return failed;
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace sluice::jose
