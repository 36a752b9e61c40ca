#include "api/jobs/export_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "api/core/access.h"
#include "bulk/export/request/export_filter.h"
#include "fhir/additional_resources.h"
#include "fhir/resource_type.h"

namespace sluice::api {
namespace {

// a client that is limited to groups exports these and nothing else.
Result<void> check_group(const smart::Client& client, const bulk::ExportRequest& request) {
  if (!client.groups) return {};
  if (request.level != bulk::ExportLevel::kGroup)
    return Error{ErrorKind::kForbidden, "this client may export its groups only"};
  const auto check = [&](const std::string& id) -> Result<void> {
    if (client.may_see_group(id)) return {};
    return Error{ErrorKind::kForbidden, fmt::format("this client may not export Group/{}", id)};
  };
  SLUICE_RETURN_IF_ERROR(check(request.group_id));
  for (const auto& id : request.other_groups) SLUICE_RETURN_IF_ERROR(check(id));
  return {};
}

// an export that the client asked for before it was limited, or limited to less, may tell of
// what it may export no more, by its group and by what its filters looked at.
Result<void> check_group_limit(const Principal& principal, const bulk::StoredExport& job) {
  const bulk::ExportRequest& request = job.request;
  const smart::Client& client = *principal.client;
  SLUICE_RETURN_IF_ERROR(check_group(client, request));
  if (!client.groups) return {};
  // Chains and _has look at other resources than the one that is exported.
  if (!job.read_by_filters) return job.read_by_filters.error();
  if (job.read_by_filters->empty()) return {};
  const auto& limit = request.limits.groups;
  const bool covers_groups =
      limit && std::all_of(limit->groups.begin(), limit->groups.end(),
                           [&](const auto& id) { return client.may_see_group(id); });
  if (!covers_groups)
    return Error{ErrorKind::kForbidden,
                 "the filters of this export looked at more groups than this client may export"};
  if (principal.claims == nullptr || principal.claims->scopes.covers_all()) return {};
  if (!limit->types) return not_covered("all types, as the filters of this export do");
  for (const auto type : *limit->types)
    if (!may_read(principal, type))
      return not_covered(
          fmt::format("{}, which filters of this export rest on", fhir::type_name(type)));
  return {};
}

// A filter's chains and _has tell of resources of other types, so these must be readable too.
Result<void> check_read_by_filters(const Principal& principal,
                                   const std::vector<fhir::ResourceType>& types) {
  for (const auto type : types)
    if (!may_read(principal, type))
      return not_covered(fmt::format("{}, which a _typeFilter refers to", fhir::type_name(type)));
  return {};
}

Result<void> check_filters(const Principal& principal, const bulk::ExportRequest& request) {
  for (const auto& filter : request.type_filters) {
    SLUICE_ASSIGN_OR_RETURN(const auto types, bulk::types_read_by(filter, request.base_url));
    SLUICE_RETURN_IF_ERROR(check_read_by_filters(principal, types));
  }
  return {};
}

// A job whose limits are wider than those of the token has what the token does not cover.
Result<void> check_limits(const Principal& principal, const bulk::ExportRequest& request) {
  const bulk::AccessLimits own = access_limits(principal);
  for (const auto type : fhir::all_resource_types())
    if (!search::limit_is_within(bulk::limit_of(request.limits.by_query, type),
                                 bulk::limit_of(own.by_query, type)))
      return not_covered(fmt::format("all {} of this export", fhir::type_name(type)));
  if (!request.wants(fhir::types::kBinary)) return {};
  const auto& contexts = own.contexts;
  if (!contexts || (request.limits.contexts && std::includes(contexts->begin(), contexts->end(),
                                                             request.limits.contexts->begin(),
                                                             request.limits.contexts->end())))
    return {};
  return not_covered("all Binaries of this export, by their securityContext");
}

}  // namespace

Result<void> authorize_export(const Principal& principal, bulk::ExportRequest& request) {
  if (principal.client == nullptr) return {};
  SLUICE_RETURN_IF_ERROR(check_group(*principal.client, request));
  for (const auto type : request.types)
    if (!may_read(principal, type)) return not_covered(std::string(fhir::type_name(type)));
  SLUICE_RETURN_IF_ERROR(check_filters(principal, request));
  if (request.associated_provenance && !may_read(principal, fhir::types::kProvenance))
    return not_covered("Provenance, which includeAssociatedData asks for");
  request.limits = access_limits(principal);
  if (!request.types.empty() || principal.claims->scopes.covers_all()) return {};
  request.types = principal.claims->scopes.readable_types();
  // As without scopes: additional resources come only when they are named, and a Group is part of a
  // Group export only when it is named (G-05).
  std::erase_if(request.types, fhir::is_additional_resource);
  if (request.level == bulk::ExportLevel::kGroup) std::erase(request.types, fhir::types::kGroup);
  std::sort(request.types.begin(), request.types.end());
  if (request.types.empty()) return not_covered("any type of this export");
  return {};
}

Result<void> authorize_export_job(const Principal& principal, const bulk::StoredExport& job) {
  const bulk::ExportRequest& request = job.request;
  // A capability too: the client may have been limited to groups since.
  if (principal.client != nullptr) SLUICE_RETURN_IF_ERROR(check_group_limit(principal, job));
  if (principal.claims == nullptr) return {};
  if (request.types.empty() && !principal.claims->scopes.covers_all())
    return not_covered("all types, as this export does");
  for (const auto type : request.types)
    if (!may_read(principal, type)) return not_covered(std::string(fhir::type_name(type)));
  if (!job.read_by_filters) return job.read_by_filters.error();
  SLUICE_RETURN_IF_ERROR(check_read_by_filters(principal, *job.read_by_filters));
  return check_limits(principal, request);
}

}  // namespace sluice::api
