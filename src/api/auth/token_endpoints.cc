#include "api/auth/token_endpoints.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>

#include "api/core/audit.h"
#include "api/core/authentication.h"
#include "api/core/fhir_response.h"
#include "api/core/request_headers.h"
#include "base/json_text.h"
#include "base/log.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kFormSizeMax = 64u << 10;

using Form = std::map<std::string, std::string, std::less<>>;

smart::OAuthError invalid_request(std::string description) {
  return {smart::OAuthCode::kInvalidRequest, std::move(description)};
}

// RFC 6749 section 3.2: a form in the body, every parameter at most once, an empty one as if
// absent.
smart::OAuthResult<Form> read_form(const http::Request& request) {
  if (content_type(request) != "application/x-www-form-urlencoded")
    return invalid_request("Content-Type is not application/x-www-form-urlencoded");
  if (request.body.size() > kFormSizeMax) return invalid_request("the form is too large");
  const auto pairs = http::parse_query(request.body);
  if (!pairs) return invalid_request("the form cannot be decoded");
  Form form;
  for (const auto& [name, value] : *pairs)
    if (!form.emplace(name, value).second)
      return invalid_request("a parameter is there more than once");
  return form;
}

std::string take(Form& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : std::move(found->second);
}

// Who asks for a revocation: the client of a Bearer token or of an assertion.
smart::OAuthResult<std::string> revoking_client(Service& service, const http::Request& request,
                                                Form& form) {
  const smart::OAuthError refused{smart::OAuthCode::kInvalidClient, "client authentication failed"};
  if (request.headers.get("Authorization")) {
    const auto principal = principal_of(service, request, Access::kClient);
    if (!principal) return refused;
    return principal->client_id;
  }
  if (take(form, "client_assertion_type") != smart::kJwtBearer) return refused;
  const auto client = service.authorization->assertions().verify(take(form, "client_assertion"));
  if (!client) return client.error();
  return (*client)->id;
}

}  // namespace

http::Response oauth_json(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Pragma", "no-cache");
  response.body = std::move(body);
  return response;
}

http::Response oauth_error(const smart::OAuthError& error) {
  auto response = oauth_json(static_cast<int>(smart::http_status(error.code)), to_json(error));
  if (error.retry_after)
    response.headers.set("Retry-After", fmt::to_string(error.retry_after->count()));
  return response;
}

http::Response token(Service& service, const http::Request& request) {
  auto form = read_form(request);
  if (!form) return oauth_error(form.error());
  const auto issued = service.authorization->grant().grant(
      {.grant_type = take(*form, "grant_type"),
       .client_assertion_type = take(*form, "client_assertion_type"),
       .client_assertion = take(*form, "client_assertion"),
       .scope = take(*form, "scope"),
       .client_id = take(*form, "client_id"),
       .address = request.peer_address});
  if (issued) return oauth_json(200, issued->to_json());
  spdlog::info("token refused id={} error={} detail=\"{}\"", request.id,
               to_string(issued.error().code), issued.error().detail);
  return oauth_error(issued.error());
}

http::Response introspect(Service& service, const http::Request& request,
                          const Principal& principal) {
  auto form = read_form(request);
  if (!form) return oauth_error(form.error());
  const std::string asked = take(*form, "token");
  if (asked.empty()) return oauth_error(invalid_request("token is missing"));
  auto answer = service.authorization->tokens().introspect(asked);
  // Others' tokens are as unknown as rubbish (RFC 7662 section 2.2).
  const auto* owner = answer.if_contains("client_id");
  if (owner == nullptr || *owner != json::value(principal.client_id)) answer = {{"active", false}};
  return oauth_json(200, json_text(answer));
}

http::Response revoke(Service& service, const http::Request& request) {
  if (const auto allowed = service.authorization->take_revocation(request.peer_address); !allowed)
    return oauth_error({smart::OAuthCode::kSlowDown, allowed.error().message, "address limited",
                        allowed.error().retry_after});
  auto form = read_form(request);
  if (!form) return oauth_error(form.error());
  const auto client = revoking_client(service, request, *form);
  if (!client) return oauth_error(client.error());
  const std::string asked = take(*form, "token");
  if (asked.empty()) return oauth_error(invalid_request("token is missing"));
  const auto revoked = service.authorization->tokens().revoke(asked, *client);
  // Whose token it is stays untold: RFC 7009 answers 200 for a token that is not valid, too.
  if (!revoked && revoked.error().kind != ErrorKind::kForbidden)
    return oauth_error(smart::server_error(revoked.error()));
  const auto audited =
      audit(service, request, {*client, nullptr, nullptr},
            {.kind = smart::AuditKind::kTokenRevoked,
             .outcome = revoked ? smart::AuditOutcome::kSuccess : smart::AuditOutcome::kSerious});
  if (!audited) return oauth_error(smart::server_error(audited.error()));
  return oauth_json(200, {});
}

http::Response jwks(Service& service) {
  http::Response response;
  response.headers.set("Content-Type", "application/json");
  response.headers.set("Cache-Control", "public, max-age=300");
  response.body = service.authorization->tokens().jwks();
  return response;
}

}  // namespace sluice::api
