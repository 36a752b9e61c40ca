// Exports as a kind of job: kick-offs, manifests and their pages, attachments (K, S, M, P-10).
#pragma once

#include "api/jobs/job_handler.h"
#include "api/jobs/job_status.h"

namespace sluice::api {

const JobHandler& export_handler();
bool is_export(const FoundJob& found);
/// GET [base]/jobs/[id]/manifest/[page]: a page that another page links to (P-10).
http::Response export_page(Service& service, const http::Request& request,
                           const Principal& principal);

}  // namespace sluice::api
