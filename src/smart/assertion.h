// The check of a client assertion (RFC 7523, SMART Backend Services; A-03): the signed JWT by which
// a client authenticates.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "jose/json_web_signature.h"
#include "smart/client_registry.h"
#include "smart/expiring_ids.h"
#include "smart/oauth_error.h"

namespace sluice::smart {

/// Where a client's public keys come from. Implementations are thread-safe; they may wait for a
/// while, but never for as long as another server pleases.
class KeySource {
 public:
  virtual ~KeySource() = default;
  /// The client's keys. `kid`: the required key; a source that caches may fetch again when it does
  /// not have it. kUnavailable, kTimeout when keys cannot be fetched now, with the time to retry if
  /// known.
  virtual Result<jose::JwkSet> keys(const Client& client, std::string_view kid) = 0;
};

/// The keys a client was registered with; kUnavailable for a client with a JWKS URL.
class RegisteredKeys final : public KeySource {
 public:
  Result<jose::JwkSet> keys(const Client& client, std::string_view kid) override;
};

struct AssertionOptions {
  /// The URLs of the token endpoint, as clients may name it in "aud"; at least one.
  std::vector<std::string> audiences;
  /// RS256, ES256, PS384 may be added.
  std::vector<jose::Algorithm> algorithms = {jose::Algorithm::kRs384, jose::Algorithm::kEs384};
  /// Tolerated clock difference: an assertion is accepted this long after its "exp", and with an
  /// "exp" less than this beyond `lifetime_max`.
  std::chrono::seconds skew{30};
  std::chrono::seconds lifetime_max{300};
};

/// The store's prefix for used assertions.
inline constexpr std::string_view kUsedAssertionsPrefix = "jti/";

/// Thread-safe. All references must outlive it.
class AssertionVerifier {
 public:
  AssertionVerifier(const ClientRegistry& clients, KeySource& keys, ExpiringIds& used,
                    const Clock& clock, AssertionOptions options);

  /// The client that signed `assertion`; consumes the assertion. kInvalidClient for every reason
  /// that a client can cause, always with one description, which does not reveal which ids exist;
  /// `detail` says why. kTemporarilyUnavailable when keys cannot be fetched, kServerError when the
  /// "jti" cannot be kept.
  OAuthResult<ClientRegistry::ClientPtr> verify(std::string_view assertion) const;

 private:
  const ClientRegistry& clients_;
  KeySource& keys_;
  ExpiringIds& used_;
  const Clock& clock_;
  const AssertionOptions options_;
};

}  // namespace sluice::smart
