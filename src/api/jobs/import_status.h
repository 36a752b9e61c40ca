// What the status endpoint answers for an import.
#pragma once

#include "api/core/principal.h"
#include "api/core/service.h"
#include "bulk/import/import_request.h"
#include "http/message.h"
#include "job/engine.h"

namespace sluice::api {

/// 202 with progress, 200 with the manifest, 500 with the reason, 429 for too many polls (S-01
/// to S-04). `view` belongs to the principal.
http::Response import_status(Service& service, const http::Request& request,
                             const Principal& principal, const job::JobView& view,
                             const bulk::ImportRequest& asked);

}  // namespace sluice::api
