// What a principal may see and do, by its scopes and groups.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/principal.h"
#include "api/core/service.h"
#include "base/result.h"
#include "bulk/export/request/access_limits.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "job/job.h"
#include "smart/scope.h"

namespace sluice::api {

/// Whether a job is the principal's. One of a client that was removed is not its successor's of the
/// same id.
bool owns(const Principal& principal, const job::Job& job);
/// What exports of the principal may show, by its scopes and groups.
bulk::AccessLimits access_limits(const Principal& principal);
/// Whether its scopes let the principal read some resources of the type.
bool may_read(const Principal& principal, fhir::ResourceType type);
/// kForbidden: "the access token's scopes do not cover ...".
Error not_covered(const std::string& what);
/// Whether the principal may do this with resources of the type, or with some of them (the store
/// that the route gets knows which). kForbidden when its scopes do not cover it, and for a client
/// that is limited to groups, because a resource does not state which groups it belongs to.
Result<void> authorize_resource(const Principal& principal, fhir::ResourceType type,
                                smart::Permissions permissions);

/// As authorize_resource, for what goes over all types: those that the principal may do it with,
/// sorted; nullopt for every one. kForbidden when there is none, and for clients limited to groups.
Result<std::optional<std::vector<fhir::ResourceType>>> authorize_all_types(
    const Principal& principal, smart::Permissions permissions);

/// What an interaction does with the type that it is about.
struct Interaction {
  fhir::ResourceType type;
  smart::Permissions permissions;
  /// A search finds what it writes: it sees resources of its type as the right to search allows,
  /// and writes them as `permissions` allow.
  bool by_search = false;
};
/// As search_bounds(), for comparisons with a query of a scope. They are short, as a rule: one that
/// is not takes the slot, so that those of a few clients do not take all threads. nullptr: none.
query::Bounds slow_bounds(const Service& service, const http::Request& request,
                          const std::shared_ptr<SharedSlot>& slot);
/// The store as the principal may see and change it, when its scopes have queries; nullptr
/// when they have none. With an interaction, resources of its type are seen as its permissions let
/// and nothing else is done to them; others, and all without one, as all that is given for them.
/// `slot`: of the request (slot_of()), which it takes when a comparison turns out to take long.
std::shared_ptr<store::Store> scoped_store(const Service& service, const http::Request& request,
                                           const Principal& principal,
                                           const std::optional<Interaction>& interaction,
                                           const std::shared_ptr<SharedSlot>& slot);

/// Whether the scopes cover just this resource, as it is stored.
Result<bool> covers(const Service& service, const http::Request& request,
                    const Principal& principal, fhir::ResourceType type,
                    smart::Permissions permissions, std::string_view json);
/// Whether an update of a resource that does not exist creates it. Not with a query in the scopes
/// that allow it, because refusing an id would reveal that it is taken.
bool creates_by_update(const Principal& principal, fhir::ResourceType type);

/// kForbidden, audited, for a principal whose scopes have search queries: `what` (a plural noun)
/// depends on resources that are not checked against the limits of its scopes.
Result<void> refuse_scope_queries(const Service& service, const http::Request& request,
                                  const Principal& principal, std::string_view what);
/// As authorize_resource; a refusal is audited.
Result<void> authorize_and_audit(const Service& service, const http::Request& request,
                                 const Principal& principal, fhir::ResourceType type,
                                 smart::Permissions permissions);

}  // namespace sluice::api
