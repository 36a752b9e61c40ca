#include "api/auth/smart_configuration.h"

#include <boost/json.hpp>

#include "base/json_text.h"

namespace sluice::api {

namespace json = boost::json;

http::Response smart_configuration(const Service& service, const http::Request& request) {
  const std::string base = service.base_url(request);
  const AuthorizationOptions& options = service.authorization->options();
  json::array algorithms{"RS384", "ES384"};
  if (options.more_algorithms)
    for (const char* name : {"RS256", "ES256", "PS384"}) algorithms.push_back(json::string(name));
  json::object configuration{
      // No "issuer": that is OpenID Connect's, and left out without it.
      {"jwks_uri", jwks_url(base)},
      {"token_endpoint", token_url(base)},
      {"introspection_endpoint", introspection_url(base)},
      {"revocation_endpoint", revocation_url(base)},
      {"grant_types_supported", json::array{"client_credentials"}},
      {"token_endpoint_auth_methods_supported", json::array{"private_key_jwt"}},
      {"token_endpoint_auth_signing_alg_values_supported", std::move(algorithms)},
      {"scopes_supported",
       json::array{"system/*.rs", "system/*.cruds", "system/*.read", "system/*.write"}},
      {"response_types_supported", json::array{"token"}},
      {"capabilities",
       json::array{"client-confidential-asymmetric", "permission-v1", "permission-v2"}}};
  if (!options.registration_token.empty())
    configuration["registration_endpoint"] = registration_url(base);
  http::Response response;
  response.headers.set("Content-Type", "application/json");
  response.body = json_text(configuration);
  return response;
}

json::object security_statement(const Service& service, const http::Request& request) {
  if (service.authorization == nullptr)
    return {{"description", "This server runs without authentication."}};
  const std::string base = service.base_url(request);
  const auto uri = [](const char* name, const std::string& value) {
    return json::object{{"url", name}, {"valueUri", value}};
  };
  return {{"service",
           json::array{
               {{"coding",
                 json::array{
                     {{"system", "http://terminology.hl7.org/CodeSystem/restful-security-service"},
                      {"code", "SMART-on-FHIR"}}}},
                {"text", "SMART Backend Services"}}}},
          {"description",
           "SMART Backend Services: a token for a signed assertion, see "
           ".well-known/smart-configuration."},
          {"extension",
           json::array{
               {{"url", "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"},
                {"extension", json::array{uri("token", token_url(base)),
                                          uri("introspect", introspection_url(base)),
                                          uri("revoke", revocation_url(base))}}}}}};
}

}  // namespace sluice::api
