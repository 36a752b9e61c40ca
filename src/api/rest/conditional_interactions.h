// The endpoints of conditional interactions: create unless something matches, update, patch and
// delete of what matches (I-02).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// POST [base]/[type] with If-None-Exist
http::Response create_resource_unless_found(Service& service, const http::Request& request,
                                            const Principal& principal, fhir::ResourceType type);
/// PUT [base]/[type]?...
http::Response update_found_resource(Service& service, const http::Request& request,
                                     const Principal& principal, fhir::ResourceType type);
/// PATCH [base]/[type]?...
http::Response patch_found_resource(Service& service, const http::Request& request,
                                    const Principal& principal, fhir::ResourceType type);
/// DELETE [base]/[type]?...
http::Response delete_found_resources(Service& service, const http::Request& request,
                                      const Principal& principal, fhir::ResourceType type);

}  // namespace sluice::api
