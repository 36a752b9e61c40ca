#include "api/core/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/core/audit.h"
#include "query/scoped_store.h"

namespace sluice::api {
namespace {

// One resource does not say whose it is.
Error only_groups() {
  return {ErrorKind::kForbidden,
          "this client may export its groups only, not read or write single resources"};
}

// What a client that is limited to groups may learn of by this token.
std::optional<bulk::GroupLimit> group_limit(const Principal& principal) {
  if (!principal.client->groups) return std::nullopt;
  bulk::GroupLimit limit{*principal.client->groups};
  std::sort(limit.groups.begin(), limit.groups.end());
  if (!principal.claims->scopes.covers_all()) {
    limit.types = principal.claims->scopes.readable_types();
    std::sort(limit.types->begin(), limit.types->end());
  }
  return limit;
}

// What an export may show of a type. Types without any scope are ones that it only goes through,
// the Group and its Binaries, and are not limited.
search::QueryLimit export_limit(const smart::ScopeSet& scopes, fhir::ResourceType type) {
  return scopes.limit(type, scopes.permissions_for_some(type) & smart::kExportPermissions);
}

// By type, types with the same limit together.
std::vector<bulk::AccessLimit> export_limits(const smart::ScopeSet& scopes) {
  std::vector<bulk::AccessLimit> limits;
  for (const auto type : fhir::all_resource_types()) {
    auto limit = export_limit(scopes, type);
    if (limit.empty()) continue;
    const auto same = std::find_if(limits.begin(), limits.end(),
                                   [&](const auto& known) { return known.limit == limit; });
    if (same == limits.end())
      limits.push_back({{type}, std::move(limit)});
    else
      same->types.push_back(type);
  }
  return limits;
}

// Whose Binaries a client may read: of these types, or of everything.
std::optional<std::vector<fhir::ResourceType>> binary_contexts(const smart::ScopeSet& scopes) {
  if (scopes.permissions_on_all_types().all_of({smart::Permissions::kRead})) return std::nullopt;
  std::vector<fhir::ResourceType> types;
  for (const auto type : fhir::all_resource_types())
    if (scopes.permissions(type).all_of({smart::Permissions::kRead})) types.push_back(type);
  std::sort(types.begin(), types.end());
  return types;
}

/// The rights on one type by what the scopes give for it.
Result<query::Rights> rights_by(const smart::ScopeSet& scopes, fhir::ResourceType type,
                                smart::Permissions reading, smart::Permissions given,
                                const search::QueryOptions& options) {
  using smart::Permissions;
  const auto right = [&](Permissions letters) -> Result<std::optional<search::ResourceFilter>> {
    if (letters.none() || !given.all_of(letters)) return std::nullopt;
    SLUICE_ASSIGN_OR_RETURN(
        auto filter, search::ResourceFilter::compile(type, scopes.limit(type, letters), options));
    return std::optional(std::move(filter));
  };
  query::Rights rights;
  SLUICE_ASSIGN_OR_RETURN(rights.read, right(reading));
  SLUICE_ASSIGN_OR_RETURN(rights.create, right({Permissions::kCreate}));
  SLUICE_ASSIGN_OR_RETURN(rights.update, right({Permissions::kUpdate}));
  SLUICE_ASSIGN_OR_RETURN(rights.remove, right({Permissions::kDelete}));
  return rights;
}

}  // namespace

bool owns(const Principal& principal, const job::Job& job) {
  return job.client == principal.client_id &&
         (principal.client == nullptr || job.registration == principal.client->registration);
}

bool may_read(const Principal& principal, fhir::ResourceType type) {
  return principal.claims == nullptr || principal.claims->scopes.may_read(type);
}

Error not_covered(const std::string& what) {
  return {ErrorKind::kForbidden, "the access token's scopes do not cover " + what};
}

bulk::AccessLimits access_limits(const Principal& principal) {
  if (principal.client == nullptr || principal.claims == nullptr) return {};
  return {export_limits(principal.claims->scopes), binary_contexts(principal.claims->scopes),
          group_limit(principal)};
}

Result<void> authorize_resource(const Principal& principal, fhir::ResourceType type,
                                smart::Permissions permissions) {
  if (principal.client == nullptr) return {};
  if (principal.client->groups) return only_groups();
  if (principal.claims == nullptr ||
      !principal.claims->scopes.permissions_for_some(type).all_of(permissions))
    return not_covered(fmt::format("this interaction with {}", fhir::type_name(type)));
  return {};
}

Result<std::optional<std::vector<fhir::ResourceType>>> authorize_all_types(
    const Principal& principal, smart::Permissions permissions) {
  using Types = std::optional<std::vector<fhir::ResourceType>>;
  if (principal.client == nullptr) return Types();
  if (principal.client->groups) return only_groups();
  if (principal.claims == nullptr) return not_covered("this interaction");
  const auto& scopes = principal.claims->scopes;
  if (scopes.permissions_on_all_types().all_of(permissions)) return Types();
  std::vector<fhir::ResourceType> types;
  for (const auto type : fhir::all_resource_types())
    if (scopes.permissions_for_some(type).all_of(permissions)) types.push_back(type);
  if (types.empty()) return not_covered("this interaction with any type");
  std::sort(types.begin(), types.end());
  return Types(std::move(types));
}

query::Bounds slow_bounds(const Service& service, const http::Request& request,
                          const std::shared_ptr<SharedSlot>& slot) {
  query::Bounds bounds = search_bounds(service, request);
  if (slot != nullptr) bounds.permit = [slot] { return slot->take(); };
  return bounds;
}

std::shared_ptr<store::Store> scoped_store(const Service& service, const http::Request& request,
                                           const Principal& principal,
                                           const std::optional<Interaction>& interaction,
                                           const std::shared_ptr<SharedSlot>& slot) {
  if (principal.claims == nullptr || !principal.claims->scopes.has_queries()) return nullptr;
  const search::QueryOptions options{.base_url = service.base_url(request),
                                     .now = service.clock.now()};
  return std::make_shared<query::ScopedStore>(
      service.store, service.clock,
      [claims = principal.claims, interaction, options](fhir::ResourceType type) {
        const auto& scopes = claims->scopes;
        const smart::Permissions given = scopes.permissions_for_some(type);
        if (!interaction) return rights_by(scopes, type, given, given, options);
        if (interaction->type != type)
          return rights_by(scopes, type, smart::kExportPermissions, given, options);
        const smart::Permissions written = given & interaction->permissions;
        if (!interaction->by_search)
          return rights_by(scopes, type, interaction->permissions, written, options);
        const smart::Permissions searched{smart::Permissions::kSearch};
        return rights_by(scopes, type, searched, written | (given & searched), options);
      },
      slow_bounds(service, request, slot));
}

Result<bool> covers(const Service& service, const http::Request& request,
                    const Principal& principal, fhir::ResourceType type,
                    smart::Permissions permissions, std::string_view json) {
  if (principal.claims == nullptr) return true;
  const auto& scopes = principal.claims->scopes;
  if (!scopes.permissions_for_some(type).all_of(permissions)) return false;
  SLUICE_ASSIGN_OR_RETURN(const auto filter,
                          search::ResourceFilter::compile(
                              type, scopes.limit(type, permissions),
                              {.base_url = service.base_url(request), .now = service.clock.now()}));
  const query::BoundsCheck check(slow_bounds(service, request, slot_of(service, request)));
  search::Matcher matcher([&] { return check.look(); });
  return filter.passes(matcher, json);
}

bool creates_by_update(const Principal& principal, fhir::ResourceType type) {
  using smart::Permissions;
  if (principal.claims == nullptr || !principal.claims->scopes.has_queries()) return true;
  const auto& scopes = principal.claims->scopes;
  const auto is_limited = [&](Permissions letter) {
    return scopes.permissions_for_some(type).all_of(letter) && !scopes.limit(type, letter).empty();
  };
  return !is_limited({Permissions::kUpdate}) && !is_limited({Permissions::kSearch});
}

Result<void> refuse_scope_queries(const Service& service, const http::Request& request,
                                  const Principal& principal, std::string_view what) {
  if (principal.claims == nullptr || !principal.claims->scopes.has_queries()) return {};
  Error refused{
      ErrorKind::kForbidden,
      fmt::format("{} want scopes without search queries: the access token has one", what)};
  SLUICE_RETURN_IF_ERROR(audit(service, request, principal,
                               {.kind = smart::AuditKind::kAccessRefused,
                                .outcome = smart::AuditOutcome::kSerious,
                                .description = refused.message}));
  return refused;
}

Result<void> authorize_and_audit(const Service& service, const http::Request& request,
                                 const Principal& principal, fhir::ResourceType type,
                                 smart::Permissions permissions) {
  auto allowed = authorize_resource(principal, type, permissions);
  if (!allowed)
    SLUICE_RETURN_IF_ERROR(audit(service, request, principal,
                                 {.kind = smart::AuditKind::kAccessRefused,
                                  .outcome = smart::AuditOutcome::kSerious,
                                  .description = allowed.error().message,
                                  .subject = std::string(fhir::type_name(type))}));
  return allowed;
}

}  // namespace sluice::api
