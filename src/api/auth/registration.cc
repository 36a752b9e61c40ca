#include "api/auth/registration.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <boost/json.hpp>

#include "api/auth/token_endpoints.h"
#include "api/core/audit.h"
#include "api/core/request_headers.h"
#include "base/bytes.h"
#include "base/json_text.h"
#include "base/log.h"

namespace sluice::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kBodySizeMax = 128u << 10;

http::Response refused(int status, std::string_view error, std::string_view description) {
  return oauth_json(status,
                    json_text(json::object{{"error", error}, {"error_description", description}}));
}

http::Response too_often(const Error& error) {
  return oauth_error(
      {smart::OAuthCode::kSlowDown, error.message, "address limited", error.retry_after});
}

// A-08, as where an access token is wrong: whoever tries tokens is seen, and cannot try many.
http::Response refuse_token(const Service& service, const http::Request& request) {
  constexpr std::string_view kWhy = "the initial access token is wrong or missing";
  if (const auto allowed = service.authorization->take_refusal(request.peer_address); !allowed)
    return too_often(allowed.error());
  const auto audited = audit(service, request, {},
                             {.kind = smart::AuditKind::kAccessRefused,
                              .outcome = smart::AuditOutcome::kSerious,
                              .description = std::string(kWhy)});
  if (!audited) return oauth_error(smart::server_error(audited.error()));
  auto response = refused(401, "invalid_token", kWhy);
  response.headers.set("WWW-Authenticate", "Bearer");
  return response;
}

bool knows_the_token(const http::Request& request, const std::string& expected) {
  const std::string wanted = "Bearer " + expected;
  const auto given = request.headers.get("Authorization");
  return request.headers.count("Authorization") == 1 && given->size() == wanted.size() &&
         CRYPTO_memcmp(given->data(), wanted.data(), wanted.size()) == 0;
}

// A member that must be the one value we know, or contain it, or be absent.
bool allows(const json::object& metadata, std::string_view name, std::string_view value) {
  const auto* member = metadata.if_contains(name);
  if (member == nullptr) return true;
  if (member->is_string()) return member->get_string() == value;
  if (!member->is_array()) return false;
  for (const auto& item : member->get_array())
    if (item.is_string() && item.get_string() == value) return true;
  return false;
}

std::string text_of(const json::object& metadata, std::string_view name) {
  const auto* member = metadata.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                  : std::string();
}

Result<smart::Client> read_client(const json::object& metadata, const std::string& scope_max) {
  if (!allows(metadata, "grant_types", "client_credentials"))
    return invalid("grant_types does not name client_credentials");
  if (!allows(metadata, "token_endpoint_auth_method", "private_key_jwt"))
    return invalid("token_endpoint_auth_method is not private_key_jwt");
  smart::Client client;
  client.id = random_hex(16);
  client.name = text_of(metadata, "client_name");
  client.jwks_url = text_of(metadata, "jwks_uri");
  if (const auto* keys = metadata.if_contains("jwks")) {
    SLUICE_ASSIGN_OR_RETURN(client.jwks, jose::JwkSet::parse(json_text(*keys)));
  }
  if (const auto* const given = metadata.if_contains("scope");
      given != nullptr && !given->is_string())
    return invalid("scope is no string");
  const std::string scope = text_of(metadata, "scope");
  SLUICE_ASSIGN_OR_RETURN(const auto asked,
                          smart::ScopeSet::parse(scope.empty() ? scope_max : scope));
  SLUICE_ASSIGN_OR_RETURN(const auto most, smart::ScopeSet::parse(scope_max));
  client.scopes = smart::intersect(asked, most);
  if (client.scopes.empty()) return invalid("none of the scopes is given to clients registered so");
  SLUICE_RETURN_IF_ERROR(check_client(client));
  return client;
}

std::string registered(const smart::Client& client) {
  json::object answer{{"client_id", client.id},
                      {"client_id_issued_at", client.created.milliseconds / 1000},
                      {"client_name", client.name},
                      {"grant_types", json::array{"client_credentials"}},
                      {"token_endpoint_auth_method", "private_key_jwt"},
                      {"scope", client.scopes.to_string()}};
  if (client.jwks)
    answer["jwks"] = json::parse(client.jwks->to_json());
  else
    answer["jwks_uri"] = client.jwks_url;
  return json_text(answer);
}

}  // namespace

http::Response register_client(Service& service, const http::Request& request) {
  const AuthorizationOptions& options = service.authorization->options();
  if (!knows_the_token(request, options.registration_token)) return refuse_token(service, request);
  const auto allowed = service.authorization->take_registration(request.peer_address);
  if (!allowed) return too_often(allowed.error());
  if (content_type(request) != "application/json" || request.body.size() > kBodySizeMax)
    return refused(400, "invalid_client_metadata", "the body is not JSON of at most 128 KiB");
  boost::system::error_code failed;
  const auto metadata = json::parse(json_body(request), failed);
  if (failed || !metadata.is_object())
    return refused(400, "invalid_client_metadata", "the body is not a JSON object");
  auto client = read_client(metadata.get_object(), options.registration_scope);
  if (!client) return refused(400, "invalid_client_metadata", client.error().message);
  smart::AuditEvent event{.kind = smart::AuditKind::kClientChanged,
                          .description = "registered",
                          .subject = "client/" + client->id,
                          .scope = client->scopes.to_string()};
  const Principal registering{client->id, nullptr, nullptr};
  const auto audited = audit(service, request, registering, event);
  if (!audited) return oauth_error(smart::server_error(audited.error()));
  auto added = service.authorization->clients().add(std::move(*client));
  if (!added) {
    event.outcome = smart::AuditOutcome::kMinor;
    event.description = "not registered: " + added.error().message;
    (void)audit(service, request, registering, std::move(event));
    // There is room again when clients are removed.
    if (added.error().kind == ErrorKind::kTooLarge)
      added = Error{ErrorKind::kUnavailable, added.error().message};
    return oauth_error(smart::server_error(added.error()));
  }
  spdlog::info("client registered id={} client={}", request.id, (*added)->id);
  return oauth_json(201, registered(**added));
}

}  // namespace sluice::api
