// The OAuth endpoints: token, introspection (RFC 7662), revocation (RFC 7009), our public
// keys.
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "http/message.h"

namespace sluice::api {

/// POST [base]/auth/token: a client's signed assertion for an access token.
http::Response token(Service& service, const http::Request& request);
/// POST [base]/auth/introspect: the content of a token of the caller's client.
http::Response introspect(Service& service, const http::Request& request,
                          const Principal& principal);
/// POST [base]/auth/revoke: voids a token of the caller's own. The caller shows a token or, as at
/// the token endpoint, an assertion.
http::Response revoke(Service& service, const http::Request& request);
/// GET [base]/auth/jwks.
http::Response jwks(Service& service);

/// A JSON answer that must not be cached.
http::Response oauth_json(int status, std::string json);
http::Response oauth_error(const smart::OAuthError& error);

}  // namespace sluice::api
