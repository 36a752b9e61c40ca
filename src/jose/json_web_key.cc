#include "jose/json_web_key.h"

#include <cjose/util.h>
#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/base64.h"
#include "base/digest.h"
#include "jose/compact_signature.h"
#include "jose/jose_json.h"
#include "jose/private_key_pem.h"

namespace sluice::jose {
namespace {

constexpr std::size_t kJwkDepthMax = 8;
constexpr std::size_t kGeneratedRsaBits = 3072;
constexpr std::array kPrivateMembers = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

struct Curve {
  std::string_view name;
  unsigned bits;
};
constexpr std::array<Curve, 3> kCurves = {{{"P-256", 256}, {"P-384", 384}, {"P-521", 521}}};

Result<std::string> bytes_member(const json_t* json, const char* name) {
  const json_t* member = string_member(json, name);
  if (member == nullptr) return invalid(fmt::format("the key has no string \"{}\"", name));
  auto bytes = base64url_decode(text_of(member));
  if (!bytes || bytes->empty())
    return invalid(fmt::format("the key's \"{}\" is not base64url without padding", name));
  return bytes;
}

unsigned bit_length(std::string_view number) {
  while (!number.empty() && number.front() == 0) number.remove_prefix(1);
  if (number.empty()) return 0;
  const auto first = static_cast<unsigned char>(number.front());
  return static_cast<unsigned>(8 * (number.size() - 1)) +
         static_cast<unsigned>(std::bit_width(first));
}

Result<unsigned> check_rsa(const json_t* json) {
  SLUICE_ASSIGN_OR_RETURN(const std::string modulus, bytes_member(json, "n"));
  SLUICE_ASSIGN_OR_RETURN(const std::string exponent, bytes_member(json, "e"));
  const unsigned bits = bit_length(modulus);
  if (bits < kRsaBitsMin || bits > kRsaBitsMax)
    return invalid(
        fmt::format("the RSA key has {} bits, not {} to {}", bits, kRsaBitsMin, kRsaBitsMax));
  // With 1 anybody signs; an even one is no RSA; a long one is a way to keep us busy.
  const bool is_odd = (static_cast<unsigned char>(exponent.back()) & 1) != 0;
  if (!is_odd || bit_length(exponent) < 2 || bit_length(exponent) > 64)
    return invalid("the RSA key's exponent is not an odd number from 3 to 64 bits");
  return bits;
}

Result<Curve> check_ec(const json_t* json) {
  const json_t* name = string_member(json, "crv");
  if (name == nullptr) return invalid("the EC key has no string \"crv\"");
  const auto* const found = std::find_if(kCurves.begin(), kCurves.end(),
                                         [&](const Curve& c) { return c.name == text_of(name); });
  if (found == kCurves.end())
    return invalid("the EC key's curve is not one of P-256, P-384, P-521");
  for (const char* coordinate : {"x", "y"}) {
    SLUICE_ASSIGN_OR_RETURN(const std::string bytes, bytes_member(json, coordinate));
    if (bytes.size() != (found->bits + 7) / 8)
      return invalid(fmt::format("the EC key's \"{}\" has the wrong length", coordinate));
  }
  return *found;
}

// The point is on the curve, the numbers are ones OpenSSL takes.
Result<KeyPtr> parse_numbers(const json_t* json) {
  const std::string text = dump(json);
  KeyPtr key = adopt(cjose_jwk_import(text.data(), text.size(), nullptr));
  ERR_clear_error();
  if (key == nullptr) return invalid("the key's numbers do not make a key");
  return key;
}

// Whether "use" and "key_ops" allow `operation` (RFC 7517 sections 4.2 and 4.3).
Result<bool> allows(const json_t* json, std::string_view operation) {
  bool allowed = true;
  if (const json_t* use = json_object_get(json, "use"); use != nullptr) {
    if (!json_is_string(use)) return invalid("the key's \"use\" is not a string");
    allowed = text_of(use) == "sig";
  }
  if (const json_t* operations = json_object_get(json, "key_ops"); operations != nullptr) {
    if (!json_is_array(operations)) return invalid("the key's \"key_ops\" is not an array");
    bool listed = false;
    for (std::size_t i = 0; i < json_array_size(operations); ++i) {
      const json_t* item = json_array_get(operations, i);
      if (!json_is_string(item)) return invalid("the key's \"key_ops\" holds more than strings");
      listed = listed || text_of(item) == operation;
    }
    allowed = allowed && listed;
  }
  return allowed;
}

// The library takes halves of different keys.
Result<void> check_halves(const cjose_jwk_t& secret, const cjose_jwk_t& open, Algorithm algorithm) {
  const JsonPtr header =
      adopt(json_pack("{s:s}", "alg", std::string(to_string(algorithm)).c_str()));
  const auto compact = sign_compact(secret, *header, "{}");
  if (!compact || !verify_compact(*compact, open))
    return invalid("the key's private part does not belong to its public part");
  return {};
}

cjose_jwk_ec_curve cjose_curve(std::string_view name) {
  if (name == "P-256") return CJOSE_JWK_EC_P_256;
  if (name == "P-384") return CJOSE_JWK_EC_P_384;
  return CJOSE_JWK_EC_P_521;
}

Algorithm usual_algorithm(const Jwk& key) {
  for (const Algorithm algorithm : {Algorithm::kEs256, Algorithm::kEs384, Algorithm::kEs512}) {
    if (!key.curve().empty() && curve_of(algorithm) == key.curve()) return algorithm;
  }
  return Algorithm::kRs384;
}

// The one private key of a set, which often holds the public halves too.
Result<JsonPtr> private_key_of(const json_t& set) {
  json_t* found = nullptr;
  json_t* keys = json_object_get(&set, "keys");
  for (std::size_t i = 0; i < json_array_size(keys); ++i) {
    json_t* item = json_array_get(keys, i);
    if (!json_is_object(item) || json_object_get(item, "d") == nullptr) continue;
    if (found != nullptr)
      return invalid("the set has more than one private key: give the one that is to sign");
    found = item;
  }
  if (found == nullptr) return invalid("the set has no private key");
  return adopt(json_incref(found));
}

}  // namespace

Result<Jwk> Jwk::parse(std::string_view text) {
  if (text.size() > kJwkSetSizeMax)
    return Error{ErrorKind::kTooLarge, fmt::format("a key has at most {} bytes", kJwkSetSizeMax)};
  SLUICE_ASSIGN_OR_RETURN(JsonPtr json, parse_object(text, kJwkDepthMax));
  return from_json(std::move(json));
}

Result<Jwk> Jwk::from_json(std::shared_ptr<json_t> json) {
  Jwk key;
  const json_t* object = json.get();
  const json_t* kind = string_member(object, "kty");
  if (kind == nullptr) return invalid("the key has no string \"kty\"");
  if (text_of(kind) == "oct")
    return invalid("the key is symmetric (\"oct\"); only RSA and EC keys are taken");
  for (const char* name : kPrivateMembers) {
    if (json_object_get(object, name) != nullptr)
      return invalid("the key is a private one; only its public part may leave its owner");
  }
  if (text_of(kind) == "RSA") {
    SLUICE_ASSIGN_OR_RETURN(key.bits_, check_rsa(object));
  } else if (text_of(kind) == "EC") {
    SLUICE_ASSIGN_OR_RETURN(const Curve curve, check_ec(object));
    key.kind_ = KeyKind::kEc;
    key.curve_ = curve.name;
    key.bits_ = curve.bits;
  } else {
    return invalid("the key's \"kty\" is neither RSA nor EC");
  }
  SLUICE_ASSIGN_OR_RETURN(key.parsed_, parse_numbers(object));
  SLUICE_ASSIGN_OR_RETURN(key.may_verify_, allows(object, "verify"));

  if (json_object_get(object, "kid") != nullptr) {
    const json_t* kid = string_member(object, "kid");
    if (kid == nullptr || json_string_length(kid) == 0 || json_string_length(kid) > kKidSizeMax)
      return invalid(
          fmt::format("the key's \"kid\" is not a string of 1 to {} bytes", kKidSizeMax));
    key.kid_ = text_of(kid);
  }
  if (json_object_get(object, "alg") != nullptr) {
    const json_t* name = string_member(object, "alg");
    if (name == nullptr) return invalid("the key's \"alg\" is not a string");
    if (text_of(name) == "none" || text_of(name).starts_with("HS"))
      return invalid("the key's \"alg\" is not for asymmetric keys");
    key.algorithm_ = find_algorithm(text_of(name));
    // Such as RSA-OAEP: a key for something else.
    if (!key.algorithm_) key.may_verify_ = false;
    if (key.algorithm_ && curve_of(*key.algorithm_) != key.curve_)
      return invalid("the key's \"alg\" does not fit its kind or curve");
  }
  key.json_ = std::move(json);
  return key;
}

bool Jwk::fits(Algorithm algorithm) const {
  return may_verify_ && curve_of(algorithm) == curve_ && (!algorithm_ || *algorithm_ == algorithm);
}

std::string Jwk::thumbprint() const {
  // RFC 7638 section 3: the required members alone, in the order of their names.
  const JsonPtr required = adopt(json_object());
  for (const char* name : {"crv", "e", "kty", "n", "x", "y"}) {
    if (json_t* member = json_object_get(json_.get(), name); member != nullptr)
      json_object_set(required.get(), name, member);
  }
  const std::string text = dump(required.get());
  return base64url_encode(view(sha256(text)));
}

std::string Jwk::to_json() const {
  return dump(json_.get());
}

Result<PrivateJwk> PrivateJwk::generate(Algorithm algorithm) {
  const auto failed = [] { return Error{ErrorKind::kInternal, "no key could be generated"}; };
  constexpr std::array<std::uint8_t, 3> kExponent = {1, 0, 1};
  const KeyPtr made =
      adopt(curve_of(algorithm).empty()
                ? cjose_jwk_create_RSA_random(kGeneratedRsaBits, kExponent.data(), kExponent.size(),
                                              nullptr)
                : cjose_jwk_create_EC_random(cjose_curve(curve_of(algorithm)), nullptr));
  if (made == nullptr) return failed();
  char* text = cjose_jwk_to_json(made.get(), true, nullptr);
  if (text == nullptr) return failed();
  const auto json = parse_object(text, kJwkDepthMax);
  cjose_get_dealloc()(text);
  if (!json) return failed();
  const std::string name(to_string(algorithm));
  json_object_set_new(json->get(), "use", json_string("sig"));
  json_object_set_new(json->get(), "alg", json_string(name.c_str()));
  json_object_set_new(json->get(), "key_ops", json_pack("[s]", "sign"));
  json_object_del(json->get(), "kid");
  return from_json(*json);
}

Result<PrivateJwk> PrivateJwk::parse(std::string_view text) {
  if (text.size() > kJwkSetSizeMax)
    return Error{ErrorKind::kTooLarge, fmt::format("a key has at most {} bytes", kJwkSetSizeMax)};
  if (is_pem(text)) {
    SLUICE_ASSIGN_OR_RETURN(const std::string jwk, jwk_of_pem(text));
    SLUICE_ASSIGN_OR_RETURN(JsonPtr json, parse_object(jwk, kJwkDepthMax));
    return from_json(std::move(json));
  }
  SLUICE_ASSIGN_OR_RETURN(JsonPtr json, parse_object(text, kJwkDepthMax));
  if (json_is_array(json_object_get(json.get(), "keys"))) {
    SLUICE_ASSIGN_OR_RETURN(json, private_key_of(*json));
  }
  return from_json(std::move(json));
}

Result<PrivateJwk> PrivateJwk::from_json(std::shared_ptr<json_t> json) {
  const json_t* kind = string_member(json.get(), "kty");
  if (kind != nullptr && text_of(kind) == "oct") return invalid("the key is symmetric (\"oct\")");
  if (string_member(json.get(), "d") == nullptr) return invalid("the key is not a private key");
  for (const char* name : kPrivateMembers) {
    if (string_member(json.get(), name) != nullptr)
      SLUICE_RETURN_IF_ERROR(bytes_member(json.get(), name));
  }
  SLUICE_ASSIGN_OR_RETURN(const bool may_sign, allows(json.get(), "sign"));
  if (!may_sign) return invalid("the key's \"use\" or \"key_ops\" does not allow signing");

  const JsonPtr open = adopt(json_deep_copy(json.get()));
  if (open == nullptr) return invalid("the key has no public part");
  for (const char* name : kPrivateMembers) json_object_del(open.get(), name);
  // What may sign there may be checked here.
  if (json_object_del(open.get(), "key_ops") == 0)
    json_object_set_new(open.get(), "key_ops", json_pack("[s]", "verify"));
  PrivateJwk key;
  SLUICE_ASSIGN_OR_RETURN(key.public_, Jwk::from_json(open));
  if (key.public_.kid().empty()) {
    key.public_.kid_ = key.public_.thumbprint();
    for (json_t* half : {open.get(), json.get()})
      json_object_set_new(half, "kid", json_string(key.public_.kid_.c_str()));
  }
  SLUICE_ASSIGN_OR_RETURN(key.parsed_, parse_numbers(json.get()));
  key.algorithm_ = key.public_.algorithm().value_or(usual_algorithm(key.public_));
  if (!key.public_.fits(key.algorithm_)) return invalid("the key's \"alg\" is not for signatures");
  SLUICE_RETURN_IF_ERROR(check_halves(*key.parsed_, *key.public_.parsed_, key.algorithm_));
  key.json_ = std::move(json);
  return key;
}

std::string PrivateJwk::to_json() const {
  return dump(json_.get());
}

Result<std::string> PrivateJwk::to_pem() const {
  return pem_of_jwk(to_json());
}

Result<JwkSet> JwkSet::parse(std::string_view text, Unusable unusable) {
  if (text.size() > kJwkSetSizeMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a set of keys has at most {} bytes", kJwkSetSizeMax)};
  SLUICE_ASSIGN_OR_RETURN(const JsonPtr json, parse_object(text, kJwkDepthMax));
  json_t* keys = json_object_get(json.get(), "keys");
  if (!json_is_array(keys)) return invalid("the set of keys has no array \"keys\"");
  const std::size_t count = json_array_size(keys);
  if (count > kJwkSetKeysMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a set has at most {} keys, this one {}", kJwkSetKeysMax, count)};
  JwkSet set;
  for (std::size_t i = 0; i < count; ++i) {
    json_t* item = json_array_get(keys, i);
    auto key = json_is_object(item) ? Jwk::from_json(adopt(json_incref(item)))
                                    : Result<Jwk>(invalid("the key is not a JSON object"));
    if (key) {
      set.keys_.push_back(std::move(*key));
    } else if (unusable == Unusable::kRefuse) {
      return invalid(fmt::format("keys[{}]: {}", i, key.error().message));
    }
  }
  return set;
}

bool JwkSet::has_kid(std::string_view kid) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Jwk& key) { return key.kid() == kid; });
}

std::string JwkSet::to_json() const {
  std::string text = R"({"keys":[)";
  for (const Jwk& key : keys_) {
    if (text.back() != '[') text += ',';
    text += key.to_json();
  }
  return text + "]}";
}

}  // namespace sluice::jose
