// Groups that are defined by filters, created and updated asynchronously (the Bulk Cohort API).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "fhir/resource_type.h"
#include "http/message.h"

namespace sluice::api {

/// POST [base]/Group and PUT [base]/Group/[id]. With Prefer: respond-async a Group with
/// member-filter becomes a job, every other one and every other request goes to create_resource()
/// and update_resource().
http::Response create_group(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type);
http::Response update_group(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type);

}  // namespace sluice::api
