#include "api/rest/cohort_definition.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "api/core/access.h"
#include "api/core/audit.h"
#include "fhir/cohort_text.h"
#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

/// What the scopes let see of each type that decides; of a Group too, for groups may be members.
std::map<fhir::ResourceType, search::QueryLimit> limits_by(const Principal& principal,
                                                           const search::Cohort& cohort) {
  std::map<fhir::ResourceType, search::QueryLimit> limits;
  if (principal.claims == nullptr || !principal.claims->scopes.has_queries()) return limits;
  auto types = cohort.types_read();
  if (cohort.has_members) types.push_back(fhir::types::kGroup);
  for (const auto type : types) {
    auto limit = principal.claims->scopes.limit(type, smart::kExportPermissions);
    if (!limit.empty()) limits.emplace(type, std::move(limit));
  }
  return limits;
}

Error refused(const Service& service, const http::Request& request, const Principal& principal,
              std::string why) {
  const auto audited = audit(service, request, principal,
                             {.kind = smart::AuditKind::kAccessRefused,
                              .outcome = smart::AuditOutcome::kSerious,
                              .description = why,
                              .subject = "Group"});
  if (!audited) return audited.error();
  return {ErrorKind::kForbidden, std::move(why)};
}

}  // namespace

Result<std::optional<search::Cohort>> cohort_of(const fhir::IncomingResource& resource) {
  if (resource.type != fhir::types::kGroup) return std::optional<search::Cohort>();
  return search::read_cohort(resource.tokens(), {}, search::Strictness::kFiltersOnly);
}

Result<std::string> with_limits_of(const Principal& principal, const search::Cohort& cohort,
                                   const fhir::JsonTokens& group) {
  std::vector<fhir::CohortLimit> limits;
  for (const auto& [type, parts] : limits_by(principal, cohort))
    for (const auto& queries : parts)
      limits.push_back({std::string(fhir::type_name(type)), queries});
  return fhir::with_limits(group, limits);
}

Result<void> authorize_cohort(const Service& service, const http::Request& request,
                              const Principal& principal, const fhir::IncomingResource& resource) {
  if (principal.claims == nullptr) return {};
  SLUICE_ASSIGN_OR_RETURN(const auto cohort, cohort_of(resource));
  if (!cohort) return {};
  for (const auto type : cohort->types_read())
    if (!principal.claims->scopes.may_read(type))
      return refused(service, request, principal,
                     fmt::format("the access token's scopes do not cover {}, which a member-filter "
                                 "reads",
                                 fhir::type_name(type)));
  return {};
}

Result<void> authorize_base_change(const Service& service, const http::Request& request,
                                   const Principal& principal,
                                   const fhir::IncomingResource& resource) {
  if (principal.claims == nullptr) return {};
  SLUICE_RETURN_IF_ERROR(authorize_cohort(service, request, principal, resource));
  SLUICE_ASSIGN_OR_RETURN(const auto cohort, cohort_of(resource));
  if (!cohort) return {};
  for (const auto& [type, limit] : limits_by(principal, *cohort)) {
    const auto stated = cohort->limits.find(type);
    if (!search::limit_is_within(
            stated == cohort->limits.end() ? search::QueryLimit() : stated->second, limit))
      return refused(service, request, principal,
                     fmt::format("the access token's scopes do not cover all {} that a "
                                 "member-filter reads",
                                 fhir::type_name(type)));
  }
  return {};
}

Result<fhir::IncomingResource> as_definition(fhir::IncomingResource resource,
                                             const Principal& principal,
                                             const std::string& base_url) {
  SLUICE_ASSIGN_OR_RETURN(const auto cohort, cohort_of(resource));
  if (!cohort) return resource;
  SLUICE_ASSIGN_OR_RETURN(auto text, with_limits_of(principal, *cohort, resource.tokens()));
  if (text.find(fhir::kMembersRefreshedUrl) != std::string::npos) {
    SLUICE_ASSIGN_OR_RETURN(text, fhir::with_refreshed(text, std::nullopt));
  }
  if (text == resource.content) return resource;
  return fhir::ResourceReader({}, base_url).read(text);
}

}  // namespace sluice::api
