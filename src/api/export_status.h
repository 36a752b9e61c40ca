// The status endpoint of an export job: polling and delete (S).
#pragma once

#include "api/principal.h"
#include "api/service.h"
#include "http/message.h"

namespace sluice::api {

/// GET [base]/jobs/[id].
http::Response export_status(Service& service, const http::Request& request,
                             const Principal& principal);
/// DELETE [base]/jobs/[id].
http::Response export_delete(Service& service, const http::Request& request,
                             const Principal& principal);

struct FoundJob {
  job::JobView view;
  bulk::ExportRequest asked;
};

/// The job of the request's {id} if it belongs to the principal; kNotFound otherwise, so that
/// nobody learns of others' jobs, kForbidden when the token covers less than the job. Either way
/// the attempt is audited as `event`.
Result<FoundJob> find_job(const Service& service, const http::Request& request,
                          const Principal& principal, smart::AuditEvent event);

}  // namespace sluice::api
