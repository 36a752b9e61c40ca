// The token endpoint without HTTP: form parameters in, a token or an OAuth error out, one
// audit line each.
#pragma once

#include <memory>
#include <string>

#include "base/instant.h"
#include "base/metrics.h"
#include "smart/access_token.h"
#include "smart/assertion.h"
#include "smart/audit.h"
#include "smart/oauth_error.h"
#include "smart/rate_limiter.h"

namespace sluice::smart {

/// The decoded form of a token request; a parameter that was not sent is empty. That none is sent
/// twice is the parser's to check.
struct TokenRequest {
  std::string grant_type;
  std::string client_assertion_type;
  std::string client_assertion;
  std::string scope;
  std::string client_id;  ///< optional; must be the assertion's when there
  std::string address;    ///< the peer's IP address
};

struct TokenGrantOptions {
  /// Requests of one address, before any signature is checked. 0: no limit.
  unsigned requests_per_minute = 600;
  /// Tokens of one client. 0: no limit.
  unsigned client_requests_per_minute = 300;
  /// Shared with whoever shows them; may not be null.
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
};

/// Thread-safe. Signatures are checked and made in here: call it on a worker thread. All references
/// must outlive it; `audit` may be null (nothing is recorded).
class TokenGrant {
 public:
  TokenGrant(const AssertionVerifier& assertions, AccessTokens& tokens, AuditLog* audit,
             TokenGrantOptions options = {});

  /// client_credentials with a signed assertion. An answer that could not be audited is not given:
  /// kServerError.
  OAuthResult<IssuedToken> grant(const TokenRequest& request);

 private:
  OAuthResult<IssuedToken> decide(const TokenRequest& request, AuditEvent& event);
  OAuthResult<IssuedToken> decide_and_audit(const TokenRequest& request);

  const AssertionVerifier& assertions_;
  AccessTokens& tokens_;
  AuditLog* audit_;
  const TokenGrantOptions options_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  RateLimiter limiter_;
};

/// The only value of client_assertion_type (RFC 7523 section 2.2).
inline constexpr std::string_view kJwtBearer =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

}  // namespace sluice::smart
