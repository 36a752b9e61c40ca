// Access tokens: JWTs signed by our own rotating ES384 key (RFC 9068 shape), checked in
// microseconds, revocable one by one and with their client.
//
// Thread-safe.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "jose/json_web_key.h"
#include "smart/client_registry.h"
#include "smart/expiring_ids.h"
#include "smart/key_ring.h"
#include "smart/token_cache.h"
#include "store/store.h"

namespace sluice::smart {

inline constexpr std::chrono::seconds kTokenLifetime{300};  ///< unless the server says otherwise
inline constexpr std::chrono::seconds kTokenLifetimeMin{10};
inline constexpr std::chrono::seconds kTokenLifetimeMax{3600};

struct AccessTokenOptions {
  /// "iss" and "aud" of the tokens: the FHIR base URL. Tokens of another issuer are refused.
  std::string issuer;
  std::chrono::seconds lifetime = kTokenLifetime;
  std::chrono::hours rotate_keys_every{24};  ///< at least 1
  std::size_t cache_max = 100'000;           ///< verified tokens held in memory
};

struct IssuedToken {
  std::string access_token;  ///< secret: never logged
  std::string scope;
  std::chrono::seconds expires_in{0};

  /// The token endpoint's answer (RFC 6749 section 5.1); "token_type" is "bearer".
  std::string to_json() const;
};

class AccessTokens {
 public:
  using ClaimsPtr = TokenCache::ClaimsPtr;

  /// Reads keys and revocations. kInvalid for options out of range. The references must outlive it.
  static Result<std::unique_ptr<AccessTokens>> open(store::Store& store,
                                                    const ClientRegistry& clients,
                                                    const Clock& clock, AccessTokenOptions options);

  /// A token for the client, valid for the lifetime, one signature of work. kForbidden for a client
  /// that is not active, kInvalid for no scopes, kTooLarge for more than kScopeListSizeMax bytes of
  /// them.
  Result<IssuedToken> issue(const Client& client, const ScopeSet& scopes);

  /// The content of the token. kUnauthenticated when it is malformed, expired, revoked, not ours,
  /// or its client was disabled, removed or restricted since: `message` is safe for the
  /// "error_description" of WWW-Authenticate, `detail` is for the log. A known token takes about a
  /// microsecond, a new one (or after a restart) a signature check.
  Result<ClaimsPtr> check(std::string_view token);

  /// Voids a token until it expires, durably (RFC 7009). A token that is not valid any more is
  /// fine. With a `client_id`, only that client's own: others' are left alone, with kForbidden.
  Result<void> revoke(std::string_view token, std::string_view client_id = {});

  /// RFC 7662: {"active":true,"scope","client_id","sub","iss","exp","iat","jti","token_type"} or
  /// {"active":false}.
  boost::json::object introspect(std::string_view token);

  /// The public keys that tokens of ours may be signed with, as "jwks_uri" serves them.
  std::string jwks() const;

  /// Replaces the key when it is time, drops what has expired. Call about once a minute.
  Result<void> maintain();
  /// Replaces the key now; tokens of the old one stay valid until they expire.
  Result<void> rotate_key() { return keys_->rotate(); }

 private:
  AccessTokens(const ClientRegistry& clients, const Clock& clock, AccessTokenOptions options);
  Result<std::shared_ptr<const jose::PrivateJwk>> pair_of(const RingKey& key) const;
  Result<ClaimsPtr> verify(std::string_view token) const;
  Result<void> check_alive(const AccessClaims& claims) const;

  const ClientRegistry& clients_;
  const Clock& clock_;
  const AccessTokenOptions options_;
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<ExpiringIds> revoked_;
  TokenCache cache_;
  mutable std::mutex mutex_;
  // The ring's keys by id, read once: checking a key takes longer than a signature. Guarded by
  // mutex_; shared because a signer keeps its key.
  mutable std::map<std::string, std::shared_ptr<const jose::PrivateJwk>, std::less<>> pairs_;
};

}  // namespace sluice::smart
