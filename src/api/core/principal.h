// Who sends a request, and what they may do. The only place that gives a request its principal;
// every route uses it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/core/service.h"
#include "base/result.h"
#include "bulk/export/request/access_limits.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "job/job.h"
#include "smart/audit_event.h"
#include "smart/scope.h"

namespace sluice::api {

/// The client that sent a request. Jobs belong to it, and are scheduled in turns by it.
struct Principal {
  std::string client_id = {};
  smart::ClientRegistry::ClientPtr client = nullptr;  ///< nullptr: open, everything is allowed
  smart::AccessTokens::ClaimsPtr claims = nullptr;    ///< nullptr: open, or a capability URL
};

/// What a route needs of its caller.
enum class Access : std::uint8_t {
  kPublic,  ///< anybody: discovery, health, what authenticates by itself
  kClient,  ///< a known client, which sees and changes what its scopes cover
  /// A known client; its limits are kept with the job or with each entry of a Bundle, so the store
  /// is the whole one.
  kJob,
  kFile,        ///< a known client, or a capability URL of the file
  kAttachment,  ///< a known client, or a capability URL of the attachment
};

/// The query parameter that makes a file's URL a capability URL.
inline constexpr std::string_view kCapabilityParameter = "capability";

/// What capability URLs of attachments are signed as. `binary`: "x", or "x/_history/3".
std::string attachment_name(std::string_view binary);

/// The principal of a request. kUnauthenticated for a missing, malformed, expired or revoked token
/// or capability. On an open server everybody is the same client.
Result<Principal> principal_of(const Service& service, const http::Request& request, Access access);

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
/// The store as the principal may see and change it, when its scopes have queries; nullptr
/// when they have none. With an interaction, resources of its type are seen as its permissions let
/// and nothing else is done to them; others, and all without one, as all that is given for them.
std::shared_ptr<store::Store> scoped_store(const Service& service, const http::Request& request,
                                           const Principal& principal,
                                           const std::optional<Interaction>& interaction);

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

/// Writes an audit event of the request, with the principal's id and the peer's address; does
/// nothing on an open server. What cannot be audited must not be done.
Result<void> audit(const Service& service, const http::Request& request, const Principal& principal,
                   smart::AuditEvent event);
/// The same for several events, all or none of which are written before this returns.
Result<void> audit_all(const Service& service, const http::Request& request,
                       const Principal& principal, std::vector<smart::AuditEvent> events);

}  // namespace sluice::api
