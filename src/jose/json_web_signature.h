// Signed JSON Web Tokens in the compact serialization (RFC 7515, RFC 7519).
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "jose/json_web_key.h"

namespace sluice::jose {

inline constexpr std::size_t kJwtSizeMax = 16u << 10;  ///< bytes of a compact JWT
inline constexpr std::size_t kJwtDepthMax = 8;         ///< objects and arrays inside each other

/// A parsed compact JWT. Do not trust its content before verify() succeeds; its issuer is readable
/// before because finding the right keys needs it. Thread-safe for const use.
class Jws {
 public:
  /// Parses `compact` and checks all that needs no key: at most 16 KiB, three parts of strict
  /// base64url, header and payload JSON objects at most 8 deep without duplicate members, "alg" one
  /// of `allowed`, "kid" a string of 1 to 256 bytes, no "crit" and no "b64" (RFC 7515 section
  /// 4.1.11, RFC 7797). kUnauthenticated otherwise (kTooLarge for the size); the message says why
  /// and holds nothing of the token except the name of an algorithm.
  static Result<Jws> parse(std::string_view compact, std::span<const Algorithm> allowed);

  /// Checks the signature with the keys of that "kid" which fit the algorithm, one after the other.
  /// kUnauthenticated when none does: the message distinguishes a missing key from a wrong
  /// signature, for the log.
  Result<void> verify(const JwkSet& keys) const;

  Algorithm algorithm() const { return algorithm_; }
  const std::string& kid() const { return kid_; }
  const boost::json::object& header() const { return header_; }
  const boost::json::object& payload() const { return payload_; }

  /// Signs `claims`. The header is `header` (none of alg, kid, crit, b64) with the key's "alg" and
  /// "kid"; "typ" is "JWT" unless given. kInternal when the library fails.
  static Result<std::string> sign(const boost::json::object& claims, const PrivateJwk& key,
                                  const boost::json::object& header = {});

 private:
  Jws() = default;

  std::string compact_;
  Algorithm algorithm_ = Algorithm::kEs384;
  std::string kid_;
  boost::json::object header_;
  boost::json::object payload_;
};

/// The content of a verified token.
struct VerifiedJwt {
  boost::json::object header;
  boost::json::object payload;
};

/// Jws::parse and Jws::verify in one. Claims such as "exp" are the caller's to check.
Result<VerifiedJwt> verify_jwt(std::string_view compact, const JwkSet& keys,
                               std::span<const Algorithm> allowed);

}  // namespace sluice::jose
