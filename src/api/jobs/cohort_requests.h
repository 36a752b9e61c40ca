// Groups that are defined by filters, created and updated asynchronously (the Bulk Cohort API).
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "bulk/group/cohort_request.h"
#include "fhir/resource_type.h"
#include "http/message.h"
#include "job/engine.h"

namespace sluice::api {

/// POST [base]/Group and PUT [base]/Group/[id]. With Prefer: respond-async a Group with
/// member-filter becomes a job, every other one and every other request goes to create_resource()
/// and update_resource().
http::Response create_group(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type);
http::Response update_group(Service& service, const http::Request& request,
                            const Principal& principal, fhir::ResourceType type);

/// The answer to a poll of such a job: at its end a Bundle with the response.
http::Response cohort_status(Service& service, const http::Request& request,
                             const job::JobView& view, const bulk::CohortRequest& asked);

/// Whether the principal may see such a job.
Result<void> authorize_cohort_job(const Principal& principal, const bulk::CohortRequest& asked);

}  // namespace sluice::api
