#include "jose/json_web_signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/base64.h"
#include "base/json_text.h"
#include "jose/compact_signature.h"
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
  const auto signature = base64url_decode(compact.substr(second + 1));
  if (!signature || signature->empty()) return refused("the signature is not base64url");
  SLUICE_ASSIGN_OR_RETURN(jws.header_, read_part(compact.substr(0, first), "header"));

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

  SLUICE_ASSIGN_OR_RETURN(jws.payload_,
                          read_part(compact.substr(first + 1, second - first - 1), "payload"));
  return jws;
}

Result<void> Jws::verify(const JwkSet& keys) const {
  bool found = false;
  unsigned tried = 0;
  for (const Jwk& key : keys.keys()) {
    if (key.kid() != kid_) continue;
    found = true;
    if (!key.fits(algorithm_)) continue;
    if (++tried > kKeysTriedMax) break;
    if (verify_compact(compact_, *key.parsed_)) return {};
  }
  if (!found) return refused("no key has the header's \"kid\"");
  if (tried == 0) return refused("the key of that \"kid\" is not for this \"alg\"");
  return refused("the signature is wrong");
}

Result<std::string> Jws::sign(const json::object& claims, const PrivateJwk& key,
                              const json::object& header) {
  json::object complete = header;
  complete["alg"] = json::string_view(to_string(key.algorithm()));
  complete["kid"] = key.kid();
  if (!complete.contains("typ")) complete["typ"] = "JWT";
  SLUICE_ASSIGN_OR_RETURN(const JsonPtr protected_header,
                          parse_object(json_text(complete), kJwtDepthMax));
  return sign_compact(*key.parsed_, *protected_header, json_text(claims));
}

Result<VerifiedJwt> verify_jwt(std::string_view compact, const JwkSet& keys,
                               std::span<const Algorithm> allowed) {
  SLUICE_ASSIGN_OR_RETURN(const Jws jws, Jws::parse(compact, allowed));
  SLUICE_RETURN_IF_ERROR(jws.verify(keys));
  return VerifiedJwt{jws.header(), jws.payload()};
}

}  // namespace sluice::jose
