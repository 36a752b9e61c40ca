// The endpoints of history: of one resource, of a type, of everything (I-02).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/[type]/[id]/_history
http::Response resource_history(Service& service, const http::Request& request,
                                const Principal& principal, fhir::ResourceType type);
/// GET [base]/[type]/_history
http::Response type_history(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type);
/// GET [base]/_history: of the types that the principal may read.
http::Response system_history(Service& service, const http::Request& request,
                              const Principal& principal);

}  // namespace sluice::api
