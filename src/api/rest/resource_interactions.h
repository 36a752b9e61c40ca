// The endpoints of single resources: read, vread, create, update, patch, delete (I-02).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/[type]/[id]
http::Response read_resource(Service& service, const http::Request& request,
                             const Principal& principal, fhir::ResourceType type);
/// GET [base]/[type]/[id]/_history/[version]
http::Response read_resource_version(Service& service, const http::Request& request,
                                     const Principal& principal, fhir::ResourceType type);
/// POST [base]/[type]
http::Response create_resource(Service& service, const http::Request& request,
                               const Principal& principal, fhir::ResourceType type);
/// PUT [base]/[type]/[id]
http::Response update_resource(Service& service, const http::Request& request,
                               const Principal& principal, fhir::ResourceType type);
/// PATCH [base]/[type]/[id]
http::Response patch_resource(Service& service, const http::Request& request,
                              const Principal& principal, fhir::ResourceType type);
/// DELETE [base]/[type]/[id]
http::Response delete_resource(Service& service, const http::Request& request,
                               const Principal& principal, fhir::ResourceType type);

}  // namespace sluice::api
