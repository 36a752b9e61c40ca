// Group/[id]/$add and Group/[id]/$remove, as FHIR R5 defines them for large resources.
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// The body is a Group of the members that come or go, or a Parameters resource with such a Group
/// as `additions` or `removals`. The principal must have been allowed to update Groups.
http::Response add_members(Service& service, const http::Request& request,
                           const Principal& principal, fhir::ResourceType type);
http::Response remove_members(Service& service, const http::Request& request,
                              const Principal& principal, fhir::ResourceType type);

}  // namespace sluice::api
