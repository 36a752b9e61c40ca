#include "jose/json_web_signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "jose/base64url.h"
#include "jose/jose_json.h"

namespace sluice::jose {
namespace {

namespace json = boost::json;

// Each costs a signature check, and a set may name one kid a hundred times.
constexpr unsigned kKeysTriedMax = 4;

Error refused(std::string message) {
  return {ErrorKind::kUnauthenticated, std::move(message)};
}

// One part as an object. jansson refuses duplicate members first, so that the two parsers cannot
// read different things.
Result<json::object> read_part(std::string_view part, std::string_view what) {
  const auto bytes = base64url_decode(part);
  if (!bytes || bytes->empty()) return refused(fmt::format("the {} is not base64url", what));
  if (const auto checked = parse_object(*bytes, kJwtDepthMax); !checked)
    return refused(fmt::format("the {}: {}", what, checked.error().message));
  boost::system::error_code failed;
  json::value value = json::parse(json::string_view(bytes->data(), bytes->size()), failed);
  if (failed || !value.is_object()) return refused(fmt::format("the {} is not JSON", what));
  return std::move(value.get_object());
}

const json::string* string_of(const json::object& object, json::string_view name) {
  const json::value* member = object.if_contains(name);
  return member == nullptr ? nullptr : member->if_string();
}

}  // namespace

Result<Jws> Jws::parse(std::string_view compact, std::span<const Algorithm> allowed) {
  if (compact.size() > kJwtSizeMax)
    return Error{ErrorKind::kTooLarge, fmt::format("a JWT has at most {} bytes", kJwtSizeMax)};
  if (std::count(compact.begin(), compact.end(), '.') != 2) return refused("a JWT has three parts");
  const std::size_t first = compact.find('.');
  const std::size_t second = compact.rfind('.');

  Jws jws;
  jws.compact_ = compact;
  jws.payload_at_ = first + 1;
  jws.signature_at_ = second + 1;
  const auto signature = base64url_decode(compact.substr(jws.signature_at_));
  if (!signature || signature->empty()) return refused("the signature is not base64url");
  SLUICE_TRY(jws.header_, read_part(compact.substr(0, first), "header"));

  const json::string* name = string_of(jws.header_, "alg");
  if (name == nullptr) return refused("the header has no string \"alg\"");
  const auto algorithm = find_algorithm({name->data(), name->size()});
  if (!algorithm || std::find(allowed.begin(), allowed.end(), *algorithm) == allowed.end())
    return refused("the header's \"alg\" is not an accepted one");
  jws.algorithm_ = *algorithm;
  for (const char* member : {"crit", "b64"}) {
    if (jws.header_.contains(member))
      return refused(fmt::format("the header's \"{}\" is not understood", member));
  }
  const json::string* kid = string_of(jws.header_, "kid");
  if (kid == nullptr || kid->empty() || kid->size() > kKidSizeMax)
    return refused(fmt::format("the header has no string \"kid\" of 1 to {} bytes", kKidSizeMax));
  jws.kid_ = std::string(kid->data(), kid->size());

  SLUICE_TRY(jws.payload_, read_part(compact.substr(first + 1, second - first - 1), "payload"));
  return jws;
}

Result<void> Jws::verify(const JwkSet& keys) const {
  const std::string_view compact = compact_;
  const std::string_view header = compact.substr(0, payload_at_ - 1);
  const std::string_view payload = compact.substr(payload_at_, signature_at_ - payload_at_ - 1);
  const std::string_view signature = compact.substr(signature_at_);
  const JsonPtr jws = adopt(json_pack("{s:s%,s:s%,s:s%}", "protected", header.data(), header.size(),
                                      "payload", payload.data(), payload.size(), "signature",
                                      signature.data(), signature.size()));
  if (jws == nullptr) return Error{ErrorKind::kInternal, "a JWT could not be checked"};
  const QuietConfig config;
  bool found = false;
  unsigned tried = 0;
  for (const Jwk& key : keys.keys()) {
    if (key.kid() != kid_) continue;
    found = true;
    if (!key.fits(algorithm_)) continue;
    if (++tried > kKeysTriedMax) break;
    if (jose_jws_ver(config, jws.get(), nullptr, key.json_.get(), false)) return {};
  }
  if (!found) return refused("no key has the header's \"kid\"");
  if (tried == 0) return refused("the key of that \"kid\" is not for this \"alg\"");
  return refused("the signature is wrong");
}

Result<std::string> Jws::sign(const json::object& claims, const PrivateJwk& key,
                              const json::object& header) {
  const auto failed = [] { return Error{ErrorKind::kInternal, "a JWT could not be signed"}; };
  json::object complete = header;
  complete["alg"] = json::string_view(to_string(key.algorithm()));
  complete["kid"] = key.kid();
  if (!complete.contains("typ")) complete["typ"] = "JWT";
  SLUICE_TRY(const JsonPtr protected_header, parse_object(json::serialize(complete), kJwtDepthMax));
  const std::string payload = base64url_encode(json::serialize(claims));

  const JsonPtr jws = adopt(json_pack("{s:s%}", "payload", payload.data(), payload.size()));
  const JsonPtr parts = adopt(json_pack("{s:O}", "protected", protected_header.get()));
  const QuietConfig config;
  if (jws == nullptr || parts == nullptr ||
      !jose_jws_sig(config, jws.get(), parts.get(), key.json_.get()))
    return failed();
  const json_t* signed_header = string_member(jws.get(), "protected");
  const json_t* signature = string_member(jws.get(), "signature");
  if (signed_header == nullptr || signature == nullptr) return failed();
  return fmt::format("{}.{}.{}", text_of(signed_header), payload, text_of(signature));
}

Result<VerifiedJwt> verify_jwt(std::string_view compact, const JwkSet& keys,
                               std::span<const Algorithm> allowed) {
  SLUICE_TRY(const Jws jws, Jws::parse(compact, allowed));
  SLUICE_CHECK(jws.verify(keys));
  return VerifiedJwt{jws.header(), jws.payload()};
}

}  // namespace sluice::jose
