#include "api/core/authentication.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/core/access.h"
#include "fhir/attachment_urls.h"

namespace sluice::api {
namespace {

Error unauthenticated(std::string message) {
  return {ErrorKind::kUnauthenticated, std::move(message)};
}

// RFC 6750 section 2.1; a token in the query or the body is not looked for.
Result<std::string_view> bearer_token(const http::Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  if (request.headers.count("Authorization") != 1)
    return unauthenticated(request.headers.count("Authorization") == 0
                               ? "an access token is needed"
                               : "there is more than one Authorization header");
  std::string_view value = *request.headers.get("Authorization");
  const bool fits = value.size() > kScheme.size() &&
                    std::equal(kScheme.begin(), kScheme.end(), value.begin(), [](char a, char b) {
                      return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
                    });
  if (!fits) return unauthenticated("the Authorization header holds no Bearer token");
  value.remove_prefix(kScheme.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

Result<Principal> by_token(Authorization& authorization, const http::Request& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::string_view token, bearer_token(request));
  SLUICE_ASSIGN_OR_RETURN(auto claims, authorization.tokens().check(token));
  auto client = authorization.clients().find(claims->client_id);
  if (!client || !client->is_active()) return unauthenticated("the access token is not valid");
  Principal principal{claims->client_id, std::move(client), std::move(claims)};
  return principal;
}

// The capability says which file; the job says whose it is.
Result<Principal> by_capability(const Service& service, const http::Request& request,
                                const std::string& name, std::string_view capability) {
  const std::string job(request.parameter("id"));
  const auto view = service.engine.view(job);
  if (!view) return unauthenticated("the capability is not valid");
  auto client = service.authorization->clients().find(view->job.client);
  if (!client || !client->is_active() || client->file_access != smart::FileAccess::kCapability)
    return unauthenticated("the capability is not valid");
  Principal principal{view->job.client, std::move(client), nullptr};
  if (!owns(principal, view->job)) return unauthenticated("the capability is not valid");
  SLUICE_RETURN_IF_ERROR(service.authorization->capabilities().check(
      {job, name, principal.client->generation}, capability));
  return principal;
}

}  // namespace

std::string attachment_name(std::string_view binary) {
  // No file of a job has a slash in its name.
  return fmt::format("Binary/{}", binary);
}

Result<Principal> principal_of(const Service& service, const http::Request& request,
                               Access access) {
  if (service.authorization == nullptr) return Principal{"open", nullptr, nullptr};
  if (access == Access::kFile || access == Access::kAttachment) {
    std::string signed_name(request.parameter("name"));
    if (access == Access::kAttachment)
      signed_name = attachment_name(fhir::binary_name(signed_name, request.parameter("version")));
    for (const auto& [name, value] : request.query)
      if (name == kCapabilityParameter) return by_capability(service, request, signed_name, value);
  }
  return by_token(*service.authorization, request);
}

}  // namespace sluice::api
