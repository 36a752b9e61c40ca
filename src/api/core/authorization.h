// The parts of SMART Backend Services that a server with authorization runs on, put together for
// the endpoints.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/metrics.h"
#include "base/result.h"
#include "smart/access_token.h"
#include "smart/assertion.h"
#include "smart/audit.h"
#include "smart/client_registry.h"
#include "smart/expiring_ids.h"
#include "smart/rate_limiter.h"
#include "smart/signed_url.h"
#include "smart/token_grant.h"
#include "store/store.h"

namespace sluice::api {

struct AuthorizationOptions {
  std::string base_url;  ///< the public FHIR base: issuer and audiences are built from it
  std::filesystem::path audit_folder;
  std::chrono::seconds token_lifetime = smart::kTokenLifetime;
  /// Accept RS256, ES256 and PS384 beside RS384 and ES384.
  bool more_algorithms = false;
  unsigned token_requests_per_minute = 600;         ///< of one address; 0: no limit
  unsigned client_token_requests_per_minute = 300;  ///< of one client; 0: no limit
  unsigned client_requests_per_minute = 600;  ///< kick-offs of a client without a limit of its own
  unsigned address_requests_per_minute = 1200;  ///< kick-offs of one address; 0: no limit
  /// The initial access token of dynamic registration (RFC 7591); empty: there is none.
  std::string registration_token;
  std::string registration_scope = "system/*.rs";  ///< the most that a client registered so gets
  /// Shared with whoever shows them; may not be null.
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
};

/// Lives as long as the server. Thread-safe.
class Authorization {
 public:
  /// Reads clients, keys and revocations from the store. `keys` and the store outlive it.
  static Result<std::unique_ptr<Authorization>> open(store::Store& store, const Clock& clock,
                                                     std::unique_ptr<smart::KeySource> keys,
                                                     AuthorizationOptions options);

  /// Replaces keys that are due, drops what has expired. Call about once a minute.
  void maintain();

  /// Takes one from a client's and an address's kick-offs of the minute: kTooManyRequests with when
  /// to try again.
  Result<void> take_kick_off(const smart::Client& client, std::string_view address);

  /// As take_kick_off, for requests of an address refused because they have no valid
  /// token: each is a line of the audit log, which clients without a token must not fill.
  Result<void> take_refusal(std::string_view address);

  /// As take_kick_off, for revocations: anybody may send one, and a signature costs CPU time.
  Result<void> take_revocation(std::string_view address);

  /// As take_kick_off, for clients that register themselves: what they bring is kept.
  Result<void> take_registration(std::string_view address);

  const AuthorizationOptions& options() const { return options_; }
  smart::ClientRegistry& clients() { return *clients_; }
  smart::AccessTokens& tokens() { return *tokens_; }
  smart::TokenGrant& grant() { return *grant_; }
  const smart::AssertionVerifier& assertions() const { return *assertions_; }
  smart::UrlSigner& capabilities() { return *capabilities_; }
  smart::AuditLog& audit() { return *audit_; }

 private:
  explicit Authorization(AuthorizationOptions options) : options_(std::move(options)) {}

  const AuthorizationOptions options_;
  std::unique_ptr<smart::KeySource> keys_;
  std::unique_ptr<smart::ClientRegistry> clients_;
  std::unique_ptr<smart::ExpiringIds> used_assertions_;
  std::unique_ptr<smart::AssertionVerifier> assertions_;
  std::unique_ptr<smart::AccessTokens> tokens_;
  std::unique_ptr<smart::AuditLog> audit_;
  std::unique_ptr<smart::TokenGrant> grant_;
  std::unique_ptr<smart::UrlSigner> capabilities_;
  /// kTooManyRequests with `what` when there are more than `limit` of `key` in a minute.
  Result<void> take(const std::string& key, unsigned limit, const std::string& what);

  smart::RateLimiter limiter_;
};

/// The URLs of the authorization endpoints.
std::string token_url(std::string_view base_url);
std::string introspection_url(std::string_view base_url);
std::string revocation_url(std::string_view base_url);
std::string registration_url(std::string_view base_url);
std::string jwks_url(std::string_view base_url);

}  // namespace sluice::api
