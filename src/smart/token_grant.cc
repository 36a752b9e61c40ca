#include "smart/token_grant.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

namespace sluice::smart {
namespace {

OAuthError bad_request(std::string description) {
  return {OAuthCode::kInvalidRequest, std::move(description)};
}

// Most of it is a signature; a client's keys may have to be fetched first.
const std::vector<double> kSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5};

}  // namespace

TokenGrant::TokenGrant(const AssertionVerifier& assertions, AccessTokens& tokens, AuditLog* audit,
                       TokenGrantOptions options)
    : assertions_(assertions),
      tokens_(tokens),
      audit_(audit),
      options_(std::move(options)),
      seconds_(options_.metrics->histograms("sluice_token_seconds",
                                            "What token requests took, by result.")) {}

OAuthResult<IssuedToken> TokenGrant::decide(const TokenRequest& request, AuditEvent& event) {
  if (options_.requests_per_minute > 0) {
    const Rate rate = Rate::per_minute(options_.requests_per_minute);
    if (const auto wait = limiter_.take(request.address, rate))
      return OAuthError{OAuthCode::kSlowDown, "too many requests", "address limited", wait};
  }
  if (request.grant_type.empty()) return bad_request("grant_type is missing");
  if (request.grant_type != "client_credentials")
    return OAuthError{OAuthCode::kUnsupportedGrantType, "grant_type must be client_credentials"};
  if (request.client_assertion_type != kJwtBearer)
    return bad_request(fmt::format("client_assertion_type must be {}", kJwtBearer));
  if (request.client_assertion.empty()) return bad_request("client_assertion is missing");
  // Before the assertion, which can be used only once. RFC 6749 section 3.3: no scope, no default.
  if (request.scope.empty()) return OAuthError{OAuthCode::kInvalidScope, "scope is missing"};
  const auto asked = ScopeSet::parse(request.scope);
  if (!asked) return OAuthError{OAuthCode::kInvalidScope, asked.error().message};
  event.scope = asked->to_string();

  SLUICE_ASSIGN_OR_RETURN(const auto client, assertions_.verify(request.client_assertion));
  event.client_id = client->id;
  if (!request.client_id.empty() && request.client_id != client->id)
    return OAuthError{OAuthCode::kInvalidClient, "the client assertion is not accepted",
                      "client_id is not the assertion's"};
  // Only after the signature, so that others cannot use up a client's share.
  if (options_.client_requests_per_minute > 0) {
    const Rate rate = Rate::per_minute(options_.client_requests_per_minute);
    if (const auto wait = limiter_.take("client/" + client->id, rate))
      return OAuthError{OAuthCode::kSlowDown, "too many requests", "client limited", wait};
  }
  const ScopeSet granted = intersect(*asked, client->scopes);
  if (granted.empty())
    return OAuthError{OAuthCode::kInvalidScope,
                      "the client is not registered for any of the scopes"};
  event.scope = granted.to_string();
  auto token = tokens_.issue(*client, granted);
  if (token) return std::move(*token);
  if (token.error().kind == ErrorKind::kTooLarge)
    return OAuthError{OAuthCode::kInvalidScope, token.error().message};
  return server_error(token.error());
}

OAuthResult<IssuedToken> TokenGrant::decide_and_audit(const TokenRequest& request) {
  AuditEvent event;
  event.address = request.address;
  auto token = decide(request, event);
  if (audit_ == nullptr) return token;
  event.kind = token ? AuditKind::kTokenIssued : AuditKind::kTokenRefused;
  if (!token) {
    const OAuthError& error = token.error();
    // A flood must not fill the disk with lines: who is limited has many lines there already.
    if (error.code == OAuthCode::kSlowDown) return token;
    event.outcome =
        error.code == OAuthCode::kServerError ? AuditOutcome::kMajor : AuditOutcome::kMinor;
    event.description = fmt::format("{}: {}", to_string(error.code),
                                    error.detail.empty() ? error.description : error.detail);
  }
  if (const auto written = audit_->write(event); !written) return server_error(written.error());
  return token;
}

OAuthResult<IssuedToken> TokenGrant::grant(const TokenRequest& request) {
  const auto began = std::chrono::steady_clock::now();
  auto token = decide_and_audit(request);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  seconds_
      .Add({{"result", token ? "issued" : std::string(to_string(token.error().code))}}, kSeconds)
      .Observe(took.count());
  return token;
}

}  // namespace sluice::smart
